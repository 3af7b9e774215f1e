//! Who wants the messages of which topic, on one thread; and how many do on all of them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The topics of one reactor's connections.
#[derive(Debug)]
pub(crate) struct Topics {
    ids: HashMap<Box<str>, u32>,
    topics: Vec<Topic>,
    /// Topics without subscribers, to be used again.
    free: Vec<u32>,
    members: HashMap<u32, Vec<Membership>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Topic {
    name: Box<str>,
    subscribers: Vec<u32>,
}

/// A connection's place in a topic.
#[derive(Clone, Copy, Debug)]
struct Membership {
    topic: u32,
    place: usize,
}

/// How many subscribers the topics have, over all threads.
#[derive(Debug, Default)]
pub(crate) struct Counts(RwLock<HashMap<Box<str>, usize>>);

impl Topics {
    pub(crate) fn new(counts: Arc<Counts>) -> Self {
        Self {
            ids: HashMap::new(),
            topics: Vec::new(),
            free: Vec::new(),
            members: HashMap::new(),
            counts,
        }
    }

    /// Those who want the messages of a topic.
    pub(crate) fn subscribers(&self, name: &str) -> &[u32] {
        match self.ids.get(name) {
            Some(&topic) => &self.topics[topic as usize].subscribers,
            None => &[],
        }
    }

    /// Subscribes a connection, once.
    pub(crate) fn subscribe(&mut self, connection: u32, name: &str) {
        let topic = match self.ids.get(name) {
            Some(&topic) => topic,
            None => self.begin(name),
        };
        let memberships = self.members.entry(connection).or_default();
        if memberships.iter().any(|member| member.topic == topic) {
            return;
        }
        let subscribers = &mut self.topics[topic as usize].subscribers;
        memberships.push(Membership {
            topic,
            place: subscribers.len(),
        });
        subscribers.push(connection);
        self.counts.add(name);
    }

    pub(crate) fn unsubscribe(&mut self, connection: u32, name: &str) {
        let Some(&topic) = self.ids.get(name) else {
            return;
        };
        let Some(memberships) = self.members.get_mut(&connection) else {
            return;
        };
        let Some(at) = memberships.iter().position(|member| member.topic == topic) else {
            return;
        };
        let membership = memberships.swap_remove(at);
        if memberships.is_empty() {
            self.members.remove(&connection);
        }
        self.leave(membership);
    }

    /// A connection is closed.
    pub(crate) fn forget(&mut self, connection: u32) {
        if self.members.is_empty() {
            return;
        }
        for membership in self.members.remove(&connection).unwrap_or_default() {
            self.leave(membership);
        }
    }

    fn begin(&mut self, name: &str) -> u32 {
        let topic = self.free.pop().unwrap_or_else(|| {
            self.topics.push(Topic::default());
            self.topics.len() as u32 - 1
        });
        self.topics[topic as usize].name = name.into();
        self.ids.insert(name.into(), topic);
        topic
    }

    /// Takes a subscriber out; the last one takes its place.
    fn leave(&mut self, membership: Membership) {
        let topic = &mut self.topics[membership.topic as usize];
        self.counts.remove(&topic.name);
        topic.subscribers.swap_remove(membership.place);
        if let Some(moved) = topic.subscribers.get(membership.place) {
            let memberships = self.members.get_mut(moved).into_iter().flatten();
            for other in memberships.filter(|other| other.topic == membership.topic) {
                other.place = membership.place;
            }
        } else if topic.subscribers.is_empty() {
            let topic = core::mem::take(topic);
            self.ids.remove(&topic.name);
            self.free.push(membership.topic);
        }
    }
}

impl Counts {
    /// How many subscribers a topic has.
    pub(crate) fn count(&self, name: &str) -> usize {
        let counts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        counts.get(name).copied().unwrap_or(0)
    }

    fn add(&self, name: &str) {
        let mut counts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                counts.insert(name.into(), 1);
            }
        }
    }

    fn remove(&self, name: &str) {
        let mut counts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                counts.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn subscribers_come_and_go_as_in_a_plain_model() {
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        let counts = Arc::new(Counts::default());
        let mut topics = Topics::new(Arc::clone(&counts));
        let mut model: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let connection = (seed >> 8) as u32 % 13;
            let name = NAMES[(seed >> 16) as usize % NAMES.len()];
            match seed % 5 {
                0..=2 => {
                    topics.subscribe(connection, name);
                    model.entry(name).or_default().insert(connection);
                }
                3 => {
                    topics.unsubscribe(connection, name);
                    model.entry(name).or_default().remove(&connection);
                }
                _ => {
                    topics.forget(connection);
                    for subscribers in model.values_mut() {
                        subscribers.remove(&connection);
                    }
                }
            }
            for name in NAMES {
                let expected = model.get(name).cloned().unwrap_or_default();
                let subscribers = topics.subscribers(name);
                assert_eq!(subscribers.len(), expected.len());
                assert_eq!(counts.count(name), expected.len());
                assert_eq!(
                    subscribers.iter().copied().collect::<BTreeSet<_>>(),
                    expected
                );
            }
        }
        assert!(topics.topics.len() <= NAMES.len());
    }
}
