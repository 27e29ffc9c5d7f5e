//! The arguments of the actions: what is done once, beside the life of any resource.

mod notification_test;

pub use notification_test::NotificationTest;
