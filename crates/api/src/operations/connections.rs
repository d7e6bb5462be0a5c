//! Connections: list, show, name, test, use, remove.

use super::{call, id};
use crate::Problem;
use crate::views::{ActivityView, ConnectionDetail, ConnectionList, ConnectionView, ResponseView, TestView};
use hearthkey_core::connections::{Body, UsageRequest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The connections, by label: all of them, or a page.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The length of a page, 1 to 1,000; without it there is one page with all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page begins: the `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The longest page.
const PAGE_MAX: u32 = 1000;

call!(List, "connections.list", Read, ConnectionList, |input, app, caller| {
    let (found, full) = match input.limit {
        Some(limit) if !(1..=PAGE_MAX).contains(&limit) => {
            return Err(Problem::input("limit", &format!("1 to {PAGE_MAX} was expected")));
        }
        Some(limit) => {
            let page = app.connections_page(&caller, input.after, limit).await?;
            let full = page.len() == limit as usize;
            (page, full)
        }
        None => (app.connections(&caller).await?, false),
    };
    let next = found.last().filter(|_| full).map(|connection| connection.label.clone());
    let mut connections = vec![];
    for connection in found {
        connections.push(ConnectionView::of(&app, connection).await);
    }
    Ok(ConnectionList { connections, next })
});

/// One connection with its newest history.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Its identifier or label.
    pub connection: String,
}

call!(Show, "connections.show", Read, ConnectionDetail, |input, app, caller| {
    let (connection, activity) = app.connection(&caller, &input.connection).await?;
    let activity = activity.into_iter().map(ActivityView::from).collect();
    Ok(ConnectionDetail { connection: ConnectionView::of(&app, connection).await, activity })
});

/// Gives a connection another label.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// Its identifier or label.
    pub connection: String,
    /// The new label.
    pub label: String,
}

call!(Rename, "connections.rename", Write, ConnectionView, |input, app, caller| {
    let renamed = app.rename_connection(&caller, &input.connection, &input.label).await?;
    Ok(ConnectionView::of(&app, renamed).await)
});

/// Tests a connection with the cheap request its service names. A test that fails is an answer, not a problem.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Its identifier or label.
    pub connection: String,
}

call!(Test, "connections.test", Write, TestView, |input, app, caller| {
    Ok(app.test_connection(&caller, &input.connection).await?.into())
});

/// Renews a connection's tokens now, whatever their age and whatever failed before.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// Its identifier or label.
    pub connection: String,
}

call!(Refresh, "connections.refresh", Write, ConnectionView, |input, app, caller| {
    let renewed = app.refresh_connection(&caller, &input.connection).await?;
    Ok(ConnectionView::of(&app, renewed).await)
});

/// Sends a request through a connection, to its API and nowhere else. Any status of the reply is an answer.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The connection's identifier or label.
    pub connection: String,
    /// GET (if left out), HEAD, POST, PUT, PATCH or DELETE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Path below the API's base, with its query, beginning with `/`.
    pub path: String,
    /// Headers of the caller's own, as names and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body as text; JSON unless a `Content-Type` header says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The body as a blob that was sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
}

call!(Request, "connections.request", Write, ResponseView, |input, app, caller| {
    let body = match (input.text, input.blob) {
        (Some(_), Some(_)) => return Err(Problem::input("blob", "give either text or blob")),
        (Some(text), None) => Some(Body::Text(text)),
        (None, Some(blob)) => Some(Body::Blob(id("blob", &blob)?)),
        (None, None) => None,
    };
    let method = input.method.unwrap_or_else(|| "GET".to_owned()).to_ascii_uppercase();
    let wanted = UsageRequest { method, path: input.path, headers: input.headers, body };
    let reply = app.request(&caller, &input.connection, wanted).await?;
    let (text, blob) = match reply.body {
        None => (None, None),
        Some(Body::Text(text)) => (Some(text), None),
        Some(Body::Blob(blob)) => (None, Some(blob.to_string())),
    };
    Ok(ResponseView {
        connection: reply.connection,
        status: reply.status,
        headers: reply.headers,
        text,
        blob,
    })
});

/// Disconnects: use stops at once, and for thirty seconds it can be restored. Answers `null` when it is already gone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disconnect {
    /// Its identifier or label.
    pub connection: String,
    /// Removes it at once, without undo.
    #[serde(default)]
    pub now: bool,
    /// Tells the service nothing: the sign-in was taken along to another place.
    #[serde(default)]
    pub keep_sign_in: bool,
}

call!(Disconnect, "connections.disconnect", Write, Option<ConnectionView>, |input, app, caller| {
    match app.disconnect(&caller, &input.connection, input.now, input.keep_sign_in).await? {
        Some(leaving) => Ok(Some(ConnectionView::of(&app, leaving).await)),
        None => Ok(None),
    }
});

/// Undoes a disconnect.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Its identifier or label.
    pub connection: String,
}

call!(Restore, "connections.restore", Write, ConnectionView, |input, app, caller| {
    let restored = app.restore_connection(&caller, &input.connection).await?;
    Ok(ConnectionView::of(&app, restored).await)
});
