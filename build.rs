//! Link settings of the native half.

fn main() {
    napi_build::setup();
    // tokio's threads outlive the worker that loaded the addon: its code must never be unmapped under them.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
