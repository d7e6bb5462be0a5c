//! A request through a connection.

use super::Session;
use crate::args::Request;
use crate::failure::{Failure, REFUSED};
use crate::output::{say, write_bytes};
use bytes::Bytes;
use futures::{StreamExt, stream};
use hearthkey_api::Problem;
use hearthkey_api::operations::blobs::BLOB_MAX;
use hearthkey_api::operations::connections;
use hearthkey_api::views::ResponseView;
use std::io::Read;
use std::path::Path;

/// The largest body that travels inside JSON, in bytes; larger ones go as a blob.
const INLINE_MAX: usize = 256 * 1024;

/// How many requests of one command are under way at once.
const AT_ONCE: usize = 100;

impl Session {
    pub(crate) async fn request(&self, args: Request) -> Result<(), Failure> {
        if args.paths.len() > 1 && args.output.is_some() {
            return Err(Failure::input("--output: takes the body of one path, not of several"));
        }
        let body = args.data.as_deref().map(body).transpose()?;
        // Someone is there before many come at once.
        drop(self.client().await?);
        let args = &args;
        let sent = args.paths.iter().map(|path| self.send(args, path, body.as_deref()));
        let mut replies = stream::iter(sent).buffered(AT_ONCE);
        let mut outcome = Ok(());
        while let Some(reply) = replies.next().await {
            let told = match reply {
                Ok(reply) => self.tell(args, reply).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = told {
                // The last failure is told by the caller; those before it here.
                if let Err(earlier) = std::mem::replace(&mut outcome, Err(failure)) {
                    self.output.failure(&earlier);
                }
            }
        }
        outcome
    }

    async fn send(&self, args: &Request, path: &str, body: Option<&[u8]>) -> Result<ResponseView, Failure> {
        let mut client = self.client().await?;
        let method = match (&args.method, &body) {
            (Some(method), _) => format!("{method:?}").to_uppercase(),
            (None, Some(_)) => "POST".to_owned(),
            (None, None) => "GET".to_owned(),
        };
        let mut input = connections::Request {
            connection: args.connection.clone(),
            method: Some(method),
            path: path.to_owned(),
            headers: args.headers.clone(),
            text: None,
            blob: None,
        };
        let keep = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
        match body.map(|bytes| (std::str::from_utf8(bytes), bytes)) {
            None => {}
            Some((Ok(text), _)) if text.len() <= INLINE_MAX => input.text = Some(text.to_owned()),
            Some((Ok(_), bytes)) => {
                input.blob = Some(client.write_blob(keep(bytes), "application/json").await?)
            }
            Some((Err(_), bytes)) => {
                input.blob = Some(client.write_blob(keep(bytes), "application/octet-stream").await?);
            }
        }
        let several = args.paths.len() > 1;
        client.call(&input).await.map_err(|error| match Failure::from(error) {
            Failure::Problem(problem) if several => {
                let detail = format!("{path}: {problem}");
                Failure::Problem(Problem { detail: Some(detail), ..problem })
            }
            failure => failure,
        })
    }

    async fn tell(&self, args: &Request, mut reply: ResponseView) -> Result<(), Failure> {
        let body = match (&reply.text, &reply.blob) {
            (Some(text), _) => Bytes::from(text.clone()),
            (None, Some(blob)) => self.client().await?.read_blob(blob).await?,
            (None, None) => Bytes::new(),
        };
        if let Some(file) = &args.output {
            std::fs::write(file, &body).map_err(|error| file_failure(file, &error))?;
            (reply.text, reply.blob) = (None, None);
        }
        if self.output.json {
            // A large text is text all the same; what is not is for --output.
            if let (Some(_), Ok(text)) = (&reply.blob, String::from_utf8(body.to_vec())) {
                (reply.text, reply.blob) = (Some(text), None);
            }
            self.output.result(&reply, String::new);
        } else {
            if args.include {
                let headers = reply.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
                say(&format!("{}\n{}", reply.status, headers.collect::<String>()));
            }
            if args.output.is_none() {
                write_bytes(&body);
                if reply.text.as_ref().is_some_and(|text| !text.ends_with('\n')) {
                    say("");
                }
            }
        }
        if reply.status < 400 {
            return Ok(());
        }
        if !args.include {
            self.output.note(&format!("The service answered with status {}.", reply.status));
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
        file.take(limit).read_to_end(&mut bytes).map_err(|error| file_failure(path, &error))?;
    }
    if bytes.len() > BLOB_MAX {
        return Err(Failure::input(format!("a body has at most {BLOB_MAX} bytes")));
    }
    Ok(bytes)
}

fn file_failure(path: &Path, error: &std::io::Error) -> Failure {
    Failure::input(format!("{}: {error}", path.display()))
}
