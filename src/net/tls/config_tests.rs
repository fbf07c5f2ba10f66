use super::*;

fn options_with_certificate() -> SecureOptions {
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    SecureOptions {
        cert: Some(vec![Material::Text(made.cert.pem())]),
        key: Some(Material::Text(made.signing_key.serialize_pem())),
        ..SecureOptions::default()
    }
}

#[test]
fn r_srv_secure_a_server_needs_a_certificate_and_key() {
    let code = |options: &SecureOptions| server(options).err().map(|error| (error.code, error.argument));
    assert_eq!(code(&SecureOptions::default()), Some(("ERR_TLS_BAD_OPTION", true)));
    let good = options_with_certificate();
    assert_eq!(code(&good), None);
    assert_eq!(code(&SecureOptions { certificate_for: true, ..SecureOptions::default() }), None);
    assert_eq!(code(&SecureOptions { key: None, ..good.clone() }), Some(("ERR_TLS_BAD_OPTION", true)));
    assert_eq!(code(&SecureOptions { request_cert: true, ..good.clone() }), Some(("ERR_TLS_BAD_OPTION", true)));
    assert_eq!(code(&SecureOptions { request_cert: true, reject_unauthorized: false, ..good.clone() }), None);
    let other = options_with_certificate();
    assert_eq!(code(&SecureOptions { key: other.key, ..good }), Some(("ERR_TLS_KEY_MISMATCH", true)));
}

#[test]
fn r_tls_verify_equal_options_share_a_setup_and_different_ones_do_not() {
    let options = options_with_certificate();
    let first = client(&options).unwrap();
    assert!(Arc::ptr_eq(&first, &client(&options.clone()).unwrap()));
    let named = SecureOptions { sni: Some("a.example".to_owned()), ..options.clone() };
    assert!(Arc::ptr_eq(&first, &client(&named).unwrap()));
    for other in [
        SecureOptions { reject_unauthorized: false, ..options.clone() },
        SecureOptions { only_tls13: true, ..options.clone() },
        SecureOptions { alpn: vec!["h2".to_owned()], ..options.clone() },
        SecureOptions { pins: vec!["00".repeat(32)], ..options.clone() },
        SecureOptions { ca: options.cert.clone(), ..options.clone() },
    ] {
        assert!(!Arc::ptr_eq(&first, &client(&other).unwrap()));
    }
    let at = |text: &str| Endpoint::Inet(text.parse().unwrap());
    let here = at("127.0.0.1:1");
    assert!(Arc::ptr_eq(&first.config(&here), &first.config(&here)));
    assert!(!Arc::ptr_eq(&first.config(&here), &first.config(&at("127.0.0.1:2"))));
}

#[test]
fn r_tls_verify_pins_are_hexadecimal_case_and_colons_aside() {
    let bytes = pin(&"AB".repeat(32)).unwrap();
    assert_eq!(bytes, [0xab; 32]);
    assert_eq!(pin(&["ab"; 32].join(":")).unwrap(), bytes);
    for bad in ["", "ab", &"zz".repeat(32), &"ab".repeat(33), &format!("{} ", "ab".repeat(32))] {
        assert_eq!(pin(bad).unwrap_err().code, "ERR_TLS_BAD_OPTION", "{bad}");
    }
}

#[test]
fn names_to_verify_are_host_names_and_addresses() {
    let name = |sni: Option<&str>, default: &str| {
        server_name(&SecureOptions { sni: sni.map(str::to_owned), ..SecureOptions::default() }, default)
            .map(|name| name.to_str().into_owned())
            .ok()
    };
    assert_eq!(name(None, "127.0.0.1").as_deref(), Some("127.0.0.1"));
    assert_eq!(name(None, "fe80::1%eth0").as_deref(), Some("fe80::1"));
    assert_eq!(name(Some("a.example."), "127.0.0.1").as_deref(), Some("a.example"));
    assert_eq!(name(Some("not a name"), "127.0.0.1"), None);
    assert_eq!(name(Some(""), "127.0.0.1"), None);
}

#[test]
fn protocol_names_have_1_to_255_bytes() {
    let with = |protocol: String| SecureOptions { alpn: vec![protocol], ..SecureOptions::default() };
    assert!(alpn(&with("h2".to_owned())).is_ok());
    assert!(alpn(&with(String::new())).is_err() && alpn(&with("x".repeat(256))).is_err());
}

#[test]
fn the_cheapest_good_cipher_comes_first_and_none_is_lost() {
    let ordered = |has_aes| {
        let mut suites = rustls::crypto::ring::default_provider().cipher_suites;
        let count = suites.len();
        order_suites(&mut suites, has_aes);
        assert_eq!(suites.len(), count);
        suites.iter().map(|suite| format!("{:?}", suite.suite())).collect::<Vec<_>>()
    };
    let kinds = |has_aes, version: fn(&str) -> bool| {
        let mut kinds: Vec<_> = ordered(has_aes)
            .into_iter()
            .filter(|name| version(name))
            .map(|name| ["AES_128", "AES_256", "CHACHA20"].into_iter().find(|kind| name.contains(kind)).unwrap())
            .collect();
        kinds.dedup();
        kinds
    };
    let (newer, older) = (|name: &str| name.starts_with("TLS13"), |name: &str| !name.starts_with("TLS13"));
    for version in [newer as fn(&str) -> bool, older] {
        assert_eq!(kinds(true, version), ["AES_128", "AES_256", "CHACHA20"]);
        assert_eq!(kinds(false, version), ["CHACHA20", "AES_128", "AES_256"]);
    }
    assert!(ordered(true)[..3].iter().all(|name| newer(name)));
}
