//! Tells Cargo that the migrations are compiled in: a new file alone must rebuild the crate.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
