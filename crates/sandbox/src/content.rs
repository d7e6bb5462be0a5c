//! What the API serves: a fixed calendar, and contacts and messages that can grow until the sandbox stops.

use crate::accounts::Account;
use crate::secret::Sha256Of;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many contacts, and how many messages, one account can hold.
const CAPACITY: usize = 100_000;

/// 2026-03-02T08:00:00Z, a Monday: every made-up time is counted from here.
const FIRST_DAY: i64 = 1_772_438_400;

const EVENTS: i64 = 25;
const TITLES: [&str; 5] = ["Stand-up", "Client call", "Design review", "Lunch with Mara", "Invoice hour"];
const PEOPLE: [(&str, &str); 12] = [
    ("Mara Lindqvist", "Lindqvist & Co"),
    ("Jonas Weber", "Weber Druck"),
    ("Aiko Tanaka", "Tanaka Atelier"),
    ("Priya Raman", "Raman Foods"),
    ("Luca Moretti", "Moretti Legno"),
    ("Sofia Alvarez", "Alvarez Foto"),
    ("Tom Becker", "Becker Bau"),
    ("Nora Hansen", "Hansen Seil"),
    ("Emil Novak", "Novak Glas"),
    ("Zoe Martin", "Martin Fleurs"),
    ("Ida Koskinen", "Koskinen Oy"),
    ("Omar Haddad", "Haddad Tiles"),
];
const SUBJECTS: [&str; 6] = [
    "Quote for the spring catalogue",
    "Photos are ready",
    "Question about invoice 2026-014",
    "Moving our call",
    "Thank you",
    "New opening hours",
];

/// A new contact, as sent.
#[derive(Debug, Deserialize)]
pub(crate) struct NewContact {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) email: String,
    #[serde(default)]
    pub(crate) company: Option<String>,
}

/// A new message, as sent.
#[derive(Debug, Deserialize)]
pub(crate) struct NewMessage {
    #[serde(default)]
    pub(crate) to: String,
    #[serde(default)]
    pub(crate) subject: String,
    #[serde(default)]
    pub(crate) text: String,
}

/// What became of a message with an idempotency key.
#[derive(Debug)]
pub(crate) enum Sent {
    New(Value),
    /// The key and the body were seen before; this is the message of then.
    Replayed(Value),
    /// The key was seen before with another body.
    KeyReused,
    Full,
}

#[derive(Debug, Serialize)]
struct Shelf {
    contacts: Vec<Value>,
    messages: Vec<Value>,
}

/// The contacts and messages of both accounts.
#[derive(Debug)]
pub(crate) struct Content {
    shelves: BTreeMap<Account, Shelf>,
    keys: BTreeMap<(Account, Sha256Of), (Sha256Of, usize)>,
}

impl Content {
    pub(crate) fn new() -> Self {
        let shelf = |account| Shelf { contacts: seed_contacts(account), messages: seed_messages(account) };
        Self { shelves: Account::ALL.map(|account| (account, shelf(account))).into(), keys: BTreeMap::new() }
    }

    pub(crate) fn contacts(&self, account: Account) -> &[Value] {
        self.shelves.get(&account).map_or(&[], |shelf| &shelf.contacts)
    }

    pub(crate) fn messages(&self, account: Account) -> &[Value] {
        self.shelves.get(&account).map_or(&[], |shelf| &shelf.messages)
    }

    /// Adds a contact; `None` when there is no room.
    pub(crate) fn add_contact(&mut self, account: Account, new: NewContact, now: Timestamp) -> Option<Value> {
        let contacts = &mut self.shelves.get_mut(&account)?.contacts;
        let number = contacts.len() + 1;
        let contact = contact(account, number, &new.name, &new.email, new.company.as_deref(), now);
        (number <= CAPACITY).then(|| contacts.push(contact.clone()))?;
        Some(contact)
    }

    /// Adds a message, or finds the one that the same idempotency key made.
    pub(crate) fn send(
        &mut self,
        account: Account,
        new: &NewMessage,
        key: Option<(&str, &[u8])>,
        now: Timestamp,
    ) -> Sent {
        let Some(shelf) = self.shelves.get_mut(&account) else {
            return Sent::Full;
        };
        let key = key.map(|(key, body)| ((account, Sha256Of::new(key)), Sha256Of::new(body)));
        if let Some((key, body)) = &key
            && let Some((first_body, index)) = self.keys.get(key)
        {
            let first = shelf.messages.get(*index).filter(|_| first_body == body);
            return first.map_or(Sent::KeyReused, |message| Sent::Replayed(message.clone()));
        }
        let index = shelf.messages.len();
        if index >= CAPACITY {
            return Sent::Full;
        }
        let message = message(account, index + 1, account.email(), &new.to, &new.subject, &new.text, now);
        shelf.messages.push(message.clone());
        if let Some((key, body)) = key {
            self.keys.insert(key, (body, index));
        }
        Sent::New(message)
    }
}

/// The calendar: the same for all time.
pub(crate) fn events(account: Account) -> Vec<Value> {
    let event = |n: i64| {
        let title = TITLES[usize::try_from(n).unwrap_or_default() % TITLES.len()];
        let (guest, _) = PEOPLE[usize::try_from(n).unwrap_or_default() % PEOPLE.len()];
        json!({
            "id": format!("evt_{}_{:03}", account.short(), n + 1),
            "title": title,
            "starts_at": moment(n, n % 6),
            "ends_at": moment(n, n % 6 + 1),
            "location": if n % 2 == 0 { "Studio" } else { "Online" },
            "status": if n % 7 == 6 { "cancelled" } else { "confirmed" },
            "organizer": account.email(),
            "attendees": [{ "name": guest, "email": address(guest) }],
            "updated_at": moment(n - 7, 0),
        })
    };
    (0..EVENTS).map(event).collect()
}

fn seed_contacts(account: Account) -> Vec<Value> {
    let seed = |(index, (name, company)): (usize, (&str, &str))| {
        contact(account, index + 1, name, &address(name), Some(company), moment(-30, 0))
    };
    PEOPLE.into_iter().enumerate().map(seed).collect()
}

fn seed_messages(account: Account) -> Vec<Value> {
    let seed = |(index, subject): (usize, &str)| {
        let (name, company) = PEOPLE[index % PEOPLE.len()];
        let text = format!("Hello {},\n\n{subject}.\n\n{name}, {company}", account.name());
        let sent_at = moment(i64::try_from(index).unwrap_or_default(), 1);
        message(account, index + 1, &address(name), account.email(), subject, &text, sent_at)
    };
    SUBJECTS.into_iter().enumerate().map(seed).collect()
}

fn contact(
    account: Account,
    number: usize,
    name: &str,
    email: &str,
    company: Option<&str>,
    at: Timestamp,
) -> Value {
    json!({
        "id": format!("con_{}_{number:03}", account.short()),
        "name": name,
        "email": email,
        "company": company,
        "created_at": at,
    })
}

fn message(
    account: Account,
    number: usize,
    from: &str,
    to: &str,
    subject: &str,
    text: &str,
    at: Timestamp,
) -> Value {
    json!({
        "id": format!("msg_{}_{number:03}", account.short()),
        "from": from,
        "to": to,
        "subject": subject,
        "text": text,
        "sent_at": at,
    })
}

fn address(name: &str) -> String {
    format!("{}@people.example", name.to_lowercase().replace(' ', "."))
}

fn moment(day: i64, hour: i64) -> Timestamp {
    let first = Timestamp::from_second(FIRST_DAY).unwrap_or_default();
    first.checked_add(SignedDuration::from_hours(day * 24 + hour)).unwrap_or_default()
}
