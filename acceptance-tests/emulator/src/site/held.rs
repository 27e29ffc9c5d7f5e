//! A world in hand: the lock on the site, and one of its worlds.

use std::ops::{Deref, DerefMut};
use std::sync::MutexGuard;

use super::Site;
use crate::world::World;

/// Where a request comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// The emulator's own address: a node of the first world, another one if that has no power.
    #[default]
    Main,
    /// The address of this node.
    Node(String),
}

/// A world, brought up to now. No other one can change meanwhile.
pub struct Held<'s> {
    site: MutexGuard<'s, Site>,
    at: usize,
    /// The node whose world it is; the first one's without.
    node: Option<String>,
    /// The node that answers otherwise.
    back: Option<String>,
}

impl<'s> Held<'s> {
    /// The first world.
    pub(crate) fn main(site: MutexGuard<'s, Site>) -> Self {
        Self { site, at: 0, node: None, back: None }
    }

    /// The world behind a door, which that node answers.
    pub(crate) fn behind(site: MutexGuard<'s, Site>, door: &Door) -> Self {
        match door {
            Door::Main => Self::main(site),
            Door::Node(node) => Self::of(site, node, true),
        }
    }

    /// The world that a node is in; the first one if there is no such node.
    pub(crate) fn of(site: MutexGuard<'s, Site>, node: &str, answers: bool) -> Self {
        let at = site.home(node).unwrap_or(0);
        let mut held = Self { site, at, node: Some(node.to_owned()), back: None };
        if answers && held.nodes.contains_key(node) {
            held.back = Some(std::mem::replace(&mut held.answering_node, node.to_owned()));
        }
        held
    }

    /// All worlds.
    #[must_use]
    pub fn site(&mut self) -> &mut Site {
        &mut self.site
    }

    /// Stops the clock, moves it forward, and runs what is due in all worlds.
    pub fn advance(&mut self, seconds: f64) {
        self.site.advance(seconds);
        // The node may have joined another world meanwhile.
        self.at = self.node.as_deref().and_then(|node| self.site.home(node)).unwrap_or(0);
    }
}

impl Deref for Held<'_> {
    type Target = World;

    fn deref(&self) -> &World {
        &self.site.worlds[self.at]
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.site.worlds[self.at]
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(back) = self.back.take().filter(|back| self.nodes.contains_key(back)) {
            self.answering_node = back;
        }
    }
}
