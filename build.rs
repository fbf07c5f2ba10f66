//! Link settings of the native half.

fn main() {
    napi_build::setup();
    // tokio's threads outlive the worker that loaded the addon: its code must never be unmapped under them.
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if ["android", "freebsd", "linux"].contains(&os.as_str()) {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
