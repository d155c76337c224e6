//! Tiles of a map that somebody else serves: where they come from, and which of them show a part of it. Off unless they are
//! configured; then pages of the map may load pictures from that host and from no other.

use std::f64::consts::PI;

/// Width and height of a part of a map, in pixels.
pub(crate) const WIDTH: u32 = 960;
pub(crate) const HEIGHT: u32 = 640;
/// Side of a tile, in pixels.
const TILE: f64 = 256.0;

/// Where tiles come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Scheme and host, as a Content-Security-Policy has it.
    origin: String,
    template: String,
    credit: String,
}

/// The template is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "need https://, a host, and a path with {{z}}, {{x}} and {{y}}, such as https://tile.example/{{z}}/{{x}}/{{y}}.png"
)]
pub struct TilesError;

/// A tile of a part of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) url: String,
    pub(crate) x: i64,
    pub(crate) y: i64,
}

impl Tiles {
    /// Tiles of this template, with what has to be said of who made them.
    ///
    /// # Errors
    /// When the template is not one of HTTPS with `{z}`, `{x}` and `{y}` in its path.
    pub fn new(template: &str, credit: &str) -> Result<Self, TilesError> {
        let rest = template.strip_prefix("https://").ok_or(TilesError)?;
        let (host, path) = rest.split_once('/').ok_or(TilesError)?;
        let is_host = !host.is_empty()
            && host
                .chars()
                .all(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | '-' | ':'));
        let is_path = ["{z}", "{x}", "{y}"].iter().all(|mark| path.contains(mark))
            && path
                .chars()
                .all(|one| one.is_ascii_graphic() && !matches!(one, '"' | '<' | '>' | '\'' | ';'));
        if !is_host || !is_path {
            return Err(TilesError);
        }
        let origin = format!("https://{host}");
        Ok(Self { origin, template: template.to_owned(), credit: credit.to_owned() })
    }

    /// Scheme and host.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Who made the map.
    #[must_use]
    pub fn credit(&self) -> &str {
        &self.credit
    }

    /// The tiles that show the map around a point, in degrees.
    pub(crate) fn around(&self, (latitude, longitude): (f64, f64), zoom: u8) -> Vec<Tile> {
        let tiles = f64::from(1_u32 << zoom.min(19));
        let latitude = latitude.clamp(-85.0, 85.0) * PI / 180.0;
        let column = (longitude + 180.0) / 360.0 * tiles;
        let row = (1.0 - latitude.tan().asinh() / PI) / 2.0 * tiles;
        let (left, top) =
            (column * TILE - f64::from(WIDTH) / 2.0, row * TILE - f64::from(HEIGHT) / 2.0);
        let mut found = Vec::new();
        for y in
            whole((top / TILE).floor())..=whole(((top + f64::from(HEIGHT) - 1.0) / TILE).floor())
        {
            for x in whole((left / TILE).floor())
                ..=whole(((left + f64::from(WIDTH) - 1.0) / TILE).floor())
            {
                let count = whole(tiles);
                if !(0..count).contains(&y) {
                    continue;
                }
                let url = self.template.replace("{z}", &zoom.to_string());
                let url = url.replace("{x}", &x.rem_euclid(count).to_string());
                let url = url.replace("{y}", &y.to_string());
                found.push(Tile { url, x: x * 256 - whole(left), y: y * 256 - whole(top) });
            }
        }
        found
    }
}

#[expect(clippy::cast_possible_truncation, reason = "some hundred million pixels at most")]
fn whole(number: f64) -> i64 {
    number.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_says_where_tiles_come_from() {
        let tiles = Tiles::new("https://tile.example/{z}/{x}/{y}.png", "© Example").unwrap();
        assert_eq!((tiles.origin(), tiles.credit()), ("https://tile.example", "© Example"));
        for wrong in [
            "http://tile.example/{z}/{x}/{y}.png",
            "https://tile.example/{z}/{x}.png",
            "https://tile.example; script-src */{z}/{x}/{y}",
            "https:///{z}/{x}/{y}",
            "https://tile.example/{z}/{x}/{y};\"",
            "",
        ] {
            assert_eq!(Tiles::new(wrong, ""), Err(TilesError), "{wrong}");
        }
    }

    #[test]
    fn a_part_of_a_map_is_covered_by_its_tiles() {
        let tiles = Tiles::new("https://t.example/{z}/{x}/{y}.png", "").unwrap();
        // Wenyuan Road in Xiamen.
        let found = tiles.around((24.4798, 118.0894), 16);
        let middle = found.iter().find(|tile| {
            (tile.x..tile.x + 256).contains(&480) && (tile.y..tile.y + 256).contains(&320)
        });
        assert_eq!(middle.unwrap().url, "https://t.example/16/54265/28169.png");
        assert!((12..=20).contains(&found.len()), "{}", found.len());
        for x in [0, 480, 959] {
            for y in [0, 320, 639] {
                let covers = |tile: &&Tile| {
                    (tile.x..tile.x + 256).contains(&x) && (tile.y..tile.y + 256).contains(&y)
                };
                assert_eq!(found.iter().filter(covers).count(), 1, "{x} {y}");
            }
        }
    }
}
