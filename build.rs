//! Tells Cargo that the migrations are compiled in: a new file alone must rebuild the crate.

#![expect(clippy::print_stdout, reason = "this is how a build script talks to Cargo")]

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
