//! The window's door: the operation table, by access class, so that the capability file says what a window may do.

use crate::desk::Desk;
use futures::StreamExt;
use hearthkey_api::operation::Access;
use hearthkey_api::operations::blobs;
use hearthkey_api::{Caller, Problem, table};
use hearthkey_domain::activity::Door;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tauri::async_runtime::JoinHandle;
use tauri::ipc::{Channel, Response};
use tauri::{State, Window};

/// Watches that are under way, by the number their page knows them by.
#[derive(Default)]
pub(crate) struct Subscriptions(Mutex<(u32, HashMap<u32, JoinHandle<()>>)>);

fn caller() -> Caller {
    Caller { door: Door::Desktop, program: None, workspace: None }
}

/// The input as bytes: the table reads every door's input the same way.
fn bytes(input: &Value) -> Vec<u8> {
    serde_json::to_vec(input).unwrap_or_default()
}

/// Calls an operation that looks.
#[tauri::command]
pub(crate) async fn read(desk: State<'_, Desk>, name: String, input: Value) -> Result<Value, Problem> {
    table::call(&name, |access| access == Access::Read, &bytes(&input), desk.app().await?, caller()).await
}

/// Calls an operation that changes something.
#[tauri::command]
pub(crate) async fn write(desk: State<'_, Desk>, name: String, input: Value) -> Result<Value, Problem> {
    table::call(&name, |access| access == Access::Write, &bytes(&input), desk.app().await?, caller()).await
}

/// Begins a watch; its items go through the channel until they end or [`unwatch`].
#[tauri::command]
pub(crate) async fn watch(
    desk: State<'_, Desk>,
    subscriptions: State<'_, Subscriptions>,
    name: String,
    input: Value,
    channel: Channel<Value>,
) -> Result<u32, Problem> {
    let app = desk.app().await?;
    let allowed = |access| access == Access::Read;
    let mut items = table::watch(&name, allowed, &bytes(&input), app, caller()).await?;
    let task = tauri::async_runtime::spawn(async move {
        while let Some(item) = items.next().await {
            if channel.send(item).is_err() {
                return;
            }
        }
    });
    let mut held = subscriptions.0.lock().unwrap_or_else(PoisonError::into_inner);
    held.1.retain(|_, task| !task.inner().is_finished());
    held.0 = held.0.wrapping_add(1);
    let id = held.0;
    held.1.insert(id, task);
    Ok(id)
}

/// Ends a watch.
#[tauri::command]
pub(crate) fn unwatch(subscriptions: State<'_, Subscriptions>, id: u32) {
    let mut held = subscriptions.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(task) = held.1.remove(&id) {
        task.abort();
    }
}

/// The bytes of a blob.
#[tauri::command]
pub(crate) async fn blob(desk: State<'_, Desk>, _window: Window, id: String) -> Result<Response, Problem> {
    let blob = blobs::read(&*desk.app().await?, &caller(), &id).await?;
    Ok(Response::new(blob.bytes.to_vec()))
}
