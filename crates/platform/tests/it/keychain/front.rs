//! A Secret Service in front of the real one, on a bus of its own: it passes every call on, unless the test says otherwise.

use super::session::{NAME, Session};
use std::{
    sync::mpsc::{self, Receiver},
    time::Duration,
};
use zbus::{
    Message,
    blocking::{Connection, MessageIterator},
    message,
    zvariant::{Structure, StructureBuilder},
};

/// Enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of a call.
pub(super) enum Act {
    /// The real service answers it.
    Pass,
    /// The real service answers it once this says so; the calls after it do not wait.
    Later(Receiver<()>),
    /// It was answered already.
    Answered,
    /// There is no answer, and no service any more.
    Die,
}

/// The service in front. Dropping it leaves it running until its bus ends.
pub(super) struct Front {
    /// The bus that it is on.
    pub(super) session: Session,
    /// The methods that were answered, in their order.
    pub(super) answered: Receiver<String>,
}

impl Front {
    /// Puts a service in front of that of `real`. `decide` sees each call before the real one does; while it waits,
    /// everything waits.
    pub(super) fn of(
        real: &Session,
        mut decide: impl FnMut(&Connection, &Message) -> Act + Send + 'static,
    ) -> Self {
        let session = Session::new();
        let (front, back) = (session.connect(), real.connect());
        // What comes before it listens is lost.
        let calls = MessageIterator::from(&front);
        front.request_name(NAME).unwrap();
        let (tell, answered) = mpsc::channel();
        std::thread::spawn(move || {
            for call in calls {
                let Ok(call) = call else { return };
                if call.message_type() != message::Type::MethodCall {
                    continue;
                }
                match decide(&front, &call) {
                    Act::Pass => pass(&front, &back, &call),
                    Act::Later(go) => {
                        let (front, back) = (front.clone(), back.clone());
                        std::thread::spawn(move || {
                            let _ = go.recv();
                            pass(&front, &back, &call);
                        });
                        continue;
                    }
                    Act::Answered => {}
                    Act::Die => return front.close().unwrap(),
                }
                // The test may have seen enough.
                let _ = tell.send(member(&call));
            }
        });
        Self { session, answered }
    }

    /// Waits until a call of `method` was answered; gives the methods that were answered until then.
    pub(super) fn until(&self, method: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let answered = self.answered.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {method}"));
            if answered == method {
                return before;
            }
            before.push(answered);
        }
    }
}

/// The name of the method that is called.
pub(super) fn member(call: &Message) -> String {
    call.header().member().map(ToString::to_string).unwrap_or_default()
}

fn pass(front: &Connection, back: &Connection, call: &Message) {
    let header = call.header();
    let (path, method) = (header.path().unwrap(), header.member().unwrap());
    let interface = header.interface();
    let body = call.body();
    let answer = match body.deserialize::<Structure<'_>>() {
        // Its one argument is a structure, which looks as several arguments do.
        Ok(content) if method == "SetSecret" => {
            let content = StructureBuilder::new().append_field(content.into()).build().unwrap();
            back.call_method(Some(NAME), path, interface, method, &content)
        }
        Ok(content) => back.call_method(Some(NAME), path, interface, method, &content),
        Err(_) => back.call_method(Some(NAME), path, interface, method, &()),
    };
    // Whoever asked may be gone.
    let _ = match answer {
        Ok(reply) => match reply.body().deserialize::<Structure<'_>>() {
            Ok(content) => front.reply(&header, &content),
            Err(_) => front.reply(&header, &()),
        },
        Err(zbus::Error::MethodError(name, text, _)) => {
            front.reply_error(&header, name, &text.unwrap_or_default())
        }
        Err(error) => panic!("{error}"),
    };
}
