//! The gateway's page that sends browsers on to the app.

use super::Session;
use crate::args::Gateway;
use crate::failure::Failure;
use hearthkey_api::operations::vault;

impl Session {
    pub(crate) async fn gateway(&self, args: Gateway) -> Result<(), Failure> {
        let bounce = if args.none { Some(String::new()) } else { args.url };
        let safety = match bounce {
            Some(_) => self.call(&vault::Settings { bounce, ..Default::default() }).await?,
            None => self.call(&vault::Show {}).await?,
        };
        self.output.result(&safety, || match &safety.bounce {
            Some(page) => format!("Services that return to https addresses only do so by way of {page}"),
            None => "No gateway is set: services that return to https addresses only cannot be connected."
                .to_owned(),
        });
        Ok(())
    }
}
