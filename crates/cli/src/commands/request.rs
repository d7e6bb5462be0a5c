//! A request through a connection.

use super::Session;
use crate::args::Request;
use crate::failure::{Failure, REFUSED};
use crate::output::{say, write_bytes};
use bytes::Bytes;
use hearthkey_api::operations::blobs::BLOB_MAX;
use hearthkey_api::operations::connections;
use std::io::Read;
use std::path::Path;

/// The largest body that travels inside JSON, in bytes; larger ones go as a blob.
const INLINE_MAX: usize = 256 * 1024;

impl Session {
    pub(crate) async fn request(&self, args: Request) -> Result<(), Failure> {
        let mut client = self.client().await?;
        let body = args.data.as_deref().map(body).transpose()?;
        let method = match (&args.method, &body) {
            (Some(method), _) => format!("{method:?}").to_uppercase(),
            (None, Some(_)) => "POST".to_owned(),
            (None, None) => "GET".to_owned(),
        };
        let mut input = connections::Request {
            connection: args.connection,
            method: Some(method),
            path: args.path,
            headers: args.headers,
            text: None,
            blob: None,
        };
        match body.map(String::from_utf8) {
            None => {}
            Some(Ok(text)) if text.len() <= INLINE_MAX => input.text = Some(text),
            Some(Ok(text)) => input.blob = Some(client.write_blob(text.into(), "application/json").await?),
            Some(Err(binary)) => {
                let bytes = Bytes::from(binary.into_bytes());
                input.blob = Some(client.write_blob(bytes, "application/octet-stream").await?);
            }
        }
        let reply = client.call(&input).await?;
        if self.output.json && args.output.is_none() {
            self.output.result(&reply, String::new);
        } else {
            let body = match (&reply.text, &reply.blob) {
                (Some(text), _) => Bytes::from(text.clone()),
                (None, Some(blob)) => client.read_blob(blob).await?,
                (None, None) => Bytes::new(),
            };
            if args.include {
                say(&format!("{}", reply.status));
                for (name, value) in &reply.headers {
                    say(&format!("{name}: {value}"));
                }
                say("");
            }
            match &args.output {
                Some(file) => std::fs::write(file, &body).map_err(|error| file_failure(file, &error))?,
                None => {
                    write_bytes(&body);
                    if reply.text.as_ref().is_some_and(|text| !text.ends_with('\n')) {
                        say("");
                    }
                }
            }
        }
        if reply.status < 400 {
            return Ok(());
        }
        if !self.output.json && !args.include {
            self.output
                .note(&format!("The service answered with status {}.", reply.status));
        }
        Err(Failure::Told(REFUSED))
    }
}

/// A body as given: text, `@FILE`, or `@-`.
fn body(given: &str) -> Result<Vec<u8>, Failure> {
    let Some(source) = given.strip_prefix('@') else {
        return Ok(given.as_bytes().to_vec());
    };
    let mut bytes = vec![];
    let limit = BLOB_MAX as u64 + 1;
    if source == "-" {
        let read = std::io::stdin().take(limit).read_to_end(&mut bytes);
        read.map_err(|error| Failure::input(format!("standard input could not be read ({})", error.kind())))?;
    } else {
        let path = Path::new(source);
        let file = std::fs::File::open(path).map_err(|error| file_failure(path, &error))?;
        file.take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| file_failure(path, &error))?;
    }
    if bytes.len() > BLOB_MAX {
        return Err(Failure::input(format!("a body has at most {BLOB_MAX} bytes")));
    }
    Ok(bytes)
}

fn file_failure(path: &Path, error: &std::io::Error) -> Failure {
    Failure::input(format!("{}: {error}", path.display()))
}
