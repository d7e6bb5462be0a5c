//! TLS: a certificate that the system does not trust ends the call, and says so.

use bytes::Bytes;
use hearthkey_domain::{
    egress::EgressPolicy,
    ports::{Http, HttpRequest},
};
use hearthkey_platform::http::HttpClient;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::{io::Read as _, net::TcpListener, sync::Arc, time::Duration};
use url::Url;

#[tokio::test]
async fn an_untrusted_certificate_is_refused() {
    let client = HttpClient::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut tls = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut received = Vec::new();
        // It ends with the alert of the client.
        let _ = rustls::Stream::new(&mut tls, &mut socket).read_to_end(&mut received);
        received
    });

    let address = Url::parse(&format!("https://localhost:{port}/")).unwrap();
    let error = client
        .send(HttpRequest {
            request: ::http::Request::get(address.as_str()).body(Bytes::new()).unwrap(),
            policy: EgressPolicy::new([&address], true).unwrap(),
            timeout: Duration::from_secs(5),
            max_reply: 1024,
        })
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "localhost:{port} could not be reached: its certificate is from an issuer that this system does not trust"
        )
    );
    assert!(server.join().unwrap().is_empty(), "not a byte of the request was sent");
}
