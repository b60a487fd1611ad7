//! Who may do what: users and their passwords, sessions, and the rules that tell our own pages' requests from others'.

pub(crate) mod cross_site;
pub(crate) mod password;
pub(crate) mod session;
pub(crate) mod sign_in;
pub(crate) mod sign_in_limit;
pub(crate) mod token;
pub(crate) mod user;
