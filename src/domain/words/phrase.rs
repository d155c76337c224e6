//! The fixed phrases, a row each: name and file stem, Chinese and its pinyin for the voice, English.
//!
//! Pinyin has tone numbers, since espeak-ng reads Chinese characters wrongly. A phrase is said within an announcement of
//! at most twelve seconds: every word counts.

macro_rules! phrases {
    ($($(#[$doc:meta])* $name:ident, $stem:literal, $chinese:literal, $pinyin:literal, $english:literal;)*) => {
        /// The fixed phrases.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Phrase {$(
            $(#[$doc])*
            $name,
        )*}

        impl Phrase {
            /// Every phrase.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name of its file.
            pub(super) fn stem(self) -> &'static str {
                match self {$(Self::$name => $stem,)*}
            }

            /// The words in Chinese, and how they are read.
            pub(super) fn chinese(self) -> (&'static str, &'static str) {
                match self {$(Self::$name => ($chinese, $pinyin),)*}
            }

            /// The words in English.
            pub(super) fn english(self) -> &'static str {
                match self {$(Self::$name => $english,)*}
            }
        }
    };
}

phrases! {
    /// Somebody needs help; then follows where.
    Alarm, "alarm",
        "平安联防紧急求助", "ping2 an1 lian2 fang2 jin3 ji2 qiu2 zhu4",
        "Neighbourhood alarm. Help is needed";
    /// Still in danger; then follows where.
    StillInDanger, "still-in-danger",
        "仍有危险，再次求助", "reng2 you3 wei1 xian3, zai4 ci4 qiu2 zhu4",
        "Still in danger. Help is needed";
    /// The line is not proven; then follows whose telephone it seems to be.
    Unproven, "unproven",
        "求助，线路未核实，来自", "qiu2 zhu4, xian4 lu4 wei4 he2 shi2, lai2 zi4",
        "Line not proven. Alarm from the telephone of";
    /// Said after whose telephone it seems to be: or another one on the same device.
    OrSameDevice, "or-same-device",
        "的电话或同一设备", "de5 dian4 hua4 huo4 tong2 yi1 she4 bei4",
        "or the same device";
    /// Go and look; in danger call 110.
    GoNow, "go-now",
        "请马上去看，危险打一一〇", "qing3 ma3 shang4 qu4 kan4, wei1 xian3 da3 yao1 yao1 ling2",
        "Please go and look now. In danger, call one one zero";
    /// Which keys answer the question.
    Keys, "keys",
        "能去按一，不能按二", "neng2 qu4 an4 yi1, bu4 neng2 an4 er4",
        "Press one if you come, two if you cannot";
    /// It is somebody's home: said after the name in Chinese, before it in English.
    Home, "home",
        "家", "jia1",
        "at the home of";
    /// Your household raised an alarm.
    OwnHousehold, "own-household",
        "您家的电话报警了，正在呼叫邻居", "nin2 jia1 de5 dian4 hua4 bao4 jing3 le5, zheng4 zai4 hu1 jiao4 lin2 ju1",
        "Your telephone raised an alarm. Neighbours are being called";
    /// Enough are coming; you need not go.
    StandDown, "stand-down",
        "已有足够的人前往，您不用去了，谢谢您", "yi3 you3 zu2 gou4 de5 ren2 qian2 wang3, nin2 bu2 yong4 qu4 le5, xie4 xie5 nin2",
        "Enough people are coming. You need not go. Thank you";
    /// The alarm of the place before it was cancelled.
    Cancelled, "cancelled",
        "的求助已取消，谢谢您", "de5 qiu2 zhu4 yi3 qu3 xiao1, xie4 xie5 nin2",
        "The alarm was cancelled. Thank you";
    /// The alarm of the place before it is closed: somebody was in trouble.
    ClosedGenuine, "closed-genuine",
        "的警情已处理完毕", "de5 jing3 qing2 yi3 chu3 li3 wan2 bi4",
        "The alarm was genuine. It is over";
    /// The alarm of the place before it is closed: nobody was in trouble.
    ClosedFalse, "closed-false",
        "的求助是误报，已结束", "de5 qiu2 zhu4 shi4 wu4 bao4, yi3 jie2 shu4",
        "It was a false alarm. It is over";
    /// The alarm of the place before it is closed: it was a test.
    ClosedTest, "closed-test",
        "的报警是测试，已结束", "de5 bao4 jing3 shi4 ce4 shi4, yi3 jie2 shu4",
        "It was a test. It is over";
    /// The alarm of the place before it is closed.
    Closed, "closed",
        "的求助已结束", "de5 qiu2 zhu4 yi3 jie2 shu4",
        "The alarm is over";
    /// Somebody says that the alarm of the place before it is a mistake; it goes on.
    SaidMistake, "said-mistake",
        "有人说是误报，求助仍在继续，请您核实", "you3 ren2 shuo1 shi4 wu4 bao4, qiu2 zhu4 reng2 zai4 ji4 xu4, qing3 nin2 he2 shi2",
        "Somebody says it is a mistake. The alarm goes on. Please check";
    /// Calling; then follows how many households.
    Calling, "calling",
        "正在呼叫", "zheng4 zai4 hu1 jiao4",
        "We are calling";
    /// Said after the number of households that are called.
    Neighbours, "neighbours",
        "户邻居，请您注意安全", "hu4 lin2 ju1, qing3 nin2 zhu4 yi4 an1 quan2",
        "of your neighbours. Please stay safe";
    /// Help is called, where no number can be told.
    HelpCalled, "help-called",
        "已为您求助，请您注意安全", "yi3 wei4 nin2 qiu2 zhu4, qing3 nin2 zhu4 yi4 an1 quan2",
        "Help is being called. Please stay safe";
    /// The duty worker; then follows the name.
    DutyWorker, "duty-worker",
        "社区值班人员", "she4 qu1 zhi2 ban1 ren2 yuan2",
        "The community worker on duty";
    /// The name before it is coming.
    IsComing, "is-coming",
        "正在赶来", "zheng4 zai4 gan3 lai2",
        "is coming";
    /// In a call to an access number: for help press; then follows the code.
    ForHelpPress, "for-help-press",
        "求助请按", "qiu2 zhu4 qing3 an4",
        "For help, press";
    /// In the grace of a hotline: 0 or hanging up cancels.
    HotlineGrace, "hotline-grace",
        "即将报警，取消请按零或挂机", "ji2 jiang1 bao4 jing3, qu3 xiao1 qing3 an4 ling2 huo4 gua4 ji1",
        "An alarm will be raised. To cancel, press zero or hang up";
    /// Your answer was taken.
    Noted, "noted",
        "已记录，谢谢您", "yi3 ji4 lu4, xie4 xie5 nin2",
        "Noted. Thank you";
    /// This is a drill: said first and last in its announcements.
    Drill, "drill",
        "这是演练", "zhe4 shi4 yan3 lian4",
        "This is a drill";
    /// What is the matter: fire.
    KindFire, "kind-fire",
        "火情", "huo3 qing2",
        "Fire";
    /// What is the matter: an intruder.
    KindIntruder, "kind-intruder",
        "有人闯入", "you3 ren2 chuang3 ru4",
        "Intruder";
    /// What is the matter: somebody is ill or hurt.
    KindIllness, "kind-illness",
        "急病受伤", "ji2 bing4 shou4 shang1",
        "Somebody is ill or hurt";
    /// What is the matter: flood.
    KindFlood, "kind-flood",
        "水患", "shui3 huan4",
        "Flood";
    /// What is the matter: something else.
    KindOther, "kind-other",
        "其他险情", "qi2 ta1 xian3 qing2",
        "An emergency";
    /// Go and help; if the fire is big, get out and call 119.
    GoFire, "go-fire",
        "请马上去，火大先打一一九", "qing3 ma3 shang4 qu4, huo3 da4 xian1 da3 yao1 yao1 jiu3",
        "Please go now. If the fire is big, call one one nine first";
    /// Go and help; call 120.
    GoIllness, "go-illness",
        "请马上去看，急救打一二〇", "qing3 ma3 shang4 qu4 kan4, ji2 jiu4 da3 yao1 er4 ling2",
        "Please go now. For an ambulance, call one two zero";
    /// Do not go in alone; call 110.
    NeverAlone, "never-alone",
        "切勿单独进入，先打一一〇", "qie4 wu4 dan1 du2 jin4 ru4, xian1 da3 yao1 yao1 ling2",
        "Do not go in alone. Call one one zero";
    /// Enough are there: meet at the door and go in together; then follow their names.
    GoTogether, "go-together",
        "人已到齐，请会合后一起进去，同去的有", "ren2 yi3 dao4 qi2, qing3 hui4 he2 hou4 yi4 qi3 jin4 qu4, tong2 qu4 de5 you3",
        "Meet at the door and go in together. With you come";
    /// Said to who comes first where nobody is to go in alone.
    WaitForAnother, "wait-for-another",
        "请等下一位到了再一起进去", "qing3 deng3 xia4 yi2 wei4 dao4 le5 zai4 yi4 qi3 jin4 qu4",
        "Please wait for another before you go in";
    /// What is the matter is known now; then follows what and where.
    KindUpdate, "kind-update",
        "最新情况", "zui4 xin1 qing2 kuang4",
        "News of the alarm";
    /// You said that you are coming: are you there? Follows where.
    AreYouThere, "are-you-there",
        "您答应前往，请问到了吗", "nin2 da1 ying4 qian2 wang3, qing3 wen4 dao4 le5 ma5",
        "You said you would come. Are you there";
    /// Which keys answer whether they are there.
    ArrivalKeys, "arrival-keys",
        "到了按三，在路上按一，不能去按二", "dao4 le5 an4 san1, zai4 lu4 shang4 an4 yi1, bu4 neng2 qu4 an4 er4",
        "Press three if you are there, one if on the way, two if you cannot";
    /// The resident may be forced: the alarm goes on; do not phone there.
    Duress, "duress",
        "当事人可能受胁迫，求助仍在继续，请勿打其电话", "dang1 shi4 ren2 ke3 neng2 shou4 xie2 po4, qiu2 zhu4 reng2 zai4 ji4 xu4, qing3 wu4 da3 qi2 dian4 hua4",
        "They may be under threat. The alarm goes on. Do not phone them";
    /// To the owner of the case: close it.
    PleaseClose, "please-close",
        "的警情尚未结案，请核实后结案", "de5 jing3 qing2 shang4 wei4 jie2 an4, qing3 he2 shi2 hou4 jie2 an4",
        "The case is still open. Please check and close it";
    /// The drill is over.
    DrillOver, "drill-over",
        "的演练结束了，谢谢您", "de5 yan3 lian4 jie2 shu4 le5, xie4 xie5 nin2",
        "The drill is over. Thank you";
    /// A drill is announced, nothing is the matter now; then follows when it begins.
    DrillAhead, "drill-ahead",
        "演练预告，不是警情。联防演练时间是", "yan3 lian4 yu4 gao4, bu2 shi4 jing3 qing2. lian2 fang2 yan3 lian4 shi2 jian1 shi4",
        "Drill notice, no alarm. A neighbourhood drill begins";
    /// What to do in a drill that is announced; that #9 stays real.
    DrillWhatToDo, "drill-what-to-do",
        "届时请接听并按键，不必出门。真有险情照常拨井九", "jie4 shi2 qing3 jie1 ting1 bing4 an4 jian4, bu2 bi4 chu1 men2. zhen1 you3 xian3 qing2 zhao4 chang2 bo1 jing3 jiu3",
        "Please answer then and press a key. Do not go out. Hash nine stays a real alarm";
    /// Said before the hour.
    Today, "today", "今天", "jin1 tian1", "today at";
    /// Said before the hour.
    Tomorrow, "tomorrow", "明天", "ming2 tian1", "tomorrow at";
    /// Said between a number of days and the hour.
    DaysAhead, "days-ahead", "天后", "tian1 hou4", "days from now at";
    /// Said after the hour.
    OClock, "o-clock", "点", "dian3", "hours";
    /// Said after the minute.
    Minutes, "minutes", "分", "fen1", "minutes";
    /// Others in the same building need help too; then follow their doors.
    AlsoAt, "also-at",
        "同楼求助的还有", "tong2 lou2 qiu2 zhu4 de5 hai2 you3",
        "Also at";
    /// Said before how many homes of a building need help.
    InAll, "in-all",
        "一共", "yi2 gong4",
        "In all";
    /// Said after how many homes of a building need help.
    HomesInNeed, "homes-in-need",
        "户求助", "hu4 qiu2 zhu4",
        "homes need help";
    /// Said after the number of households that are called, when the duty worker is called too.
    NeighboursAndDuty, "neighbours-and-duty",
        "户邻居和值班人员，请您注意安全", "hu4 lin2 ju1 he2 zhi2 ban1 ren2 yuan2, qing3 nin2 zhu4 yi4 an1 quan2",
        "of your neighbours and the worker on duty. Please stay safe";
    /// What the resident named was passed on; follows what.
    TheyKnow, "they-know",
        "已告知邻居", "yi3 gao4 zhi1 lin2 ju1",
        "Your neighbours are told";
    /// Your alarm is withdrawn.
    Withdrawn, "withdrawn",
        "您的求助已取消，已通知大家", "nin2 de5 qiu2 zhu4 yi3 qu3 xiao1, yi3 tong1 zhi1 da4 jia1",
        "Your alarm is cancelled. Everybody is told";
    /// The PIN is wrong.
    WrongPin, "wrong-pin",
        "密码不对，求助仍在继续", "mi4 ma3 bu2 dui4, qiu2 zhu4 reng2 zai4 ji4 xu4",
        "Wrong PIN. The alarm goes on";
    /// To whoever records by telephone: the worker's number, and #.
    EnterWorker, "enter-worker",
        "请输入工号，按井号结束", "qing3 shu1 ru4 gong1 hao4, an4 jing3 hao4 jie2 shu4",
        "Enter your worker number, then hash";
    /// The PIN, and #.
    EnterPin, "enter-pin",
        "请输入密码，按井号结束", "qing3 shu1 ru4 mi4 ma3, an4 jing3 hao4 jie2 shu4",
        "Enter your PIN, then hash";
    /// Number or PIN are wrong.
    NotRight, "not-right",
        "工号或密码不对", "gong1 hao4 huo4 mi4 ma3 bu2 dui4",
        "Number or PIN is wrong";
    /// Too many wrong PINs.
    TooManyTries, "too-many-tries",
        "错误次数过多，请稍后再拨，再见", "cuo4 wu4 ci4 shu4 guo4 duo1, qing3 shao1 hou4 zai4 bo1, zai4 jian4",
        "Too many mistakes. Call again later. Goodbye";
    /// The code of the clip, and #.
    EnterClip, "enter-clip",
        "请输入录音编号，按井号结束", "qing3 shu1 ru4 lu4 yin1 bian1 hao4, an4 jing3 hao4 jie2 shu4",
        "Enter the code of the recording, then hash";
    /// No such code.
    NoSuchClip, "no-such-clip",
        "没有这个编号", "mei2 you3 zhe4 ge4 bian1 hao4",
        "There is no such code";
    /// Speak after the tone; # ends.
    SpeakNow, "speak-now",
        "请在提示音后说话，按井号结束", "qing3 zai4 ti2 shi4 yin1 hou4 shuo1 hua4, an4 jing3 hao4 jie2 shu4",
        "Speak after the tone, then press hash";
    /// Then follows what was recorded.
    YouSaid, "you-said",
        "您录的是", "nin2 lu4 de5 shi4",
        "You recorded";
    /// Which keys keep it, record again, play again.
    KeepKeys, "keep-keys",
        "保留按一，重录按二，重听按九", "bao3 liu2 an4 yi1, chong2 lu4 an4 er4, chong2 ting1 an4 jiu3",
        "Press one to keep it, two to record again, nine to hear it again";
    /// It is kept.
    Kept, "kept",
        "已保存", "yi3 bao3 cun2",
        "It is kept";
    /// The recording is too quiet, or nothing was heard.
    TooQuiet, "too-quiet",
        "声音太小，请大声些", "sheng1 yin1 tai4 xiao3, qing3 da4 sheng1 xie1",
        "Too quiet. Please speak up";
    /// The recording is too loud.
    TooLoud, "too-loud",
        "声音太大，请离话筒远些", "sheng1 yin1 tai4 da4, qing3 li2 hua4 tong3 yuan3 xie1",
        "Too loud. Please keep away from the phone";
    /// The recording is too short.
    TooShort, "too-short",
        "太短了，请重录", "tai4 duan3 le5, qing3 chong2 lu4",
        "Too short. Please record again";
    /// The recording is too long.
    TooLong, "too-long",
        "太长了，请说快些", "tai4 chang2 le5, qing3 shuo1 kuai4 xie1",
        "Too long. Please speak faster";
    /// The recording holds tones, or cannot be used otherwise.
    NotUsable, "not-usable",
        "录音不可用，请重录", "lu4 yin1 bu4 ke3 yong4, qing3 chong2 lu4",
        "It cannot be used. Please record again";
    /// It cannot be kept now.
    NotKept, "not-kept",
        "暂时无法保存，请稍后再拨，再见", "zan4 shi2 wu2 fa3 bao3 cun2, qing3 shao1 hou4 zai4 bo1, zai4 jian4",
        "It cannot be kept now. Call again later. Goodbye";
    /// Key the PIN, and # at its end.
    KeyPin, "key-pin",
        "请输入密码，按井号结束", "qing3 shu1 ru4 mi4 ma3, an4 jing3 hao4 jie2 shu4",
        "Please key your PIN, then the hash key";
    /// To somebody at the door who keyed so on the resident's telephone.
    ArrivalNoted, "arrival-noted",
        "到场已记录，谢谢您", "dao4 chang3 yi3 ji4 lu4, xie4 xie5 nin2",
        "Your arrival is noted. Thank you";
    /// The same where nobody was expected.
    NoOpenAlarm, "no-open-alarm",
        "这部电话现在没有求助", "zhe4 bu4 dian4 hua4 xian4 zai4 mei2 you3 qiu2 zhu4",
        "This telephone has no open alarm";
    /// To whoever calls us back; then follows the name of the community.
    Welcome, "welcome",
        "您好，这里是平安联防", "nin2 hao3, zhe4 li3 shi4 ping2 an1 lian2 fang2",
        "Hello. This is the neighbourhood alarm service";
    /// No alarm that is open now wants the caller.
    NobodyNeedsYou, "nobody-needs-you",
        "现在没有邻居需要您帮助，谢谢您", "xian4 zai4 mei2 you3 lin2 ju1 xu1 yao4 nin2 bang1 zhu4, xie4 xie5 nin2",
        "No neighbour needs your help now. Thank you";
    /// The alarm of the caller's household goes on, and nobody has said that they come.
    StillCalling, "still-calling",
        "正在呼叫邻居，还没有人答应前往", "zheng4 zai4 hu1 jiao4 lin2 ju1, hai2 mei2 you3 ren2 da1 ying4 qian2 wang3",
        "Neighbours are being called. Nobody has answered yet";
    /// To the duty worker who closes the alarm: which digit says what it was.
    WhichOutcome, "which-outcome",
        "结案，属实按一，误报按二，不明按三",
        "jie2 an4, shu3 shi2 an4 yi1, wu4 bao4 an4 er4, bu4 ming2 an4 san1",
        "To close, press one if it was genuine, two for a false alarm, three if nobody knows";
    /// To a worker at a change of shift: take over; then follows which post.
    TakeOver, "take-over",
        "交接班，现在请您接", "jiao1 jie1 ban1, xian4 zai4 qing3 nin2 jie1",
        "Change of shift. Please take over";
    /// Said before how many alarms are open.
    OpenNow, "open-now",
        "未结警情有", "wei4 jie2 jing3 qing2 you3",
        "Open alarms";
    /// Said after how many alarms are open; then follow their doors.
    OpenCases, "open-cases",
        "起", "qi3",
        "in all";
    /// No alarm is open.
    NothingOpen, "nothing-open",
        "没有未结的警情", "mei2 you3 wei4 jie2 de5 jing3 qing2",
        "No alarm is open";
    /// Which keys take over a post.
    TakeOverKeys, "take-over-keys",
        "接班请按一，不能接班按二", "jie1 ban1 qing3 an4 yi1, bu4 neng2 jie1 ban1 an4 er4",
        "Press one to take over, two if you cannot";
    /// The talk with the resident has no place left.
    TalkFull, "talk-full",
        "通话人数已满，请稍后再按五", "tong1 hua4 ren2 shu4 yi3 man3, qing3 shao1 hou4 zai4 an4 wu3",
        "The talk is full. Please press five again later";
}
