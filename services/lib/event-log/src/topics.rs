//! Names of the topics (design §5).

use std::sync::Arc;

/// The topics' names under one prefix. The suffix `.v1` is the version of what the topic means, not of its schema.
#[derive(Clone, Debug)]
pub struct Topics {
    prefix: Arc<str>,
}

impl Topics {
    /// Names under a prefix, which ends with its own separator: `dansync.`.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.into() }
    }

    fn name(&self, rest: &str) -> Arc<str> {
        format!("{}{rest}.v1", self.prefix).into()
    }

    /// Full source records and markers of one source.
    pub fn source(&self, source: &str) -> Arc<str> {
        self.name(&format!("source.{source}"))
    }

    /// Person images.
    pub fn registry_person(&self) -> Arc<str> {
        self.name("registry.person")
    }

    /// Person ids of anchors.
    pub fn registry_link(&self) -> Arc<str> {
        self.name("registry.link")
    }

    /// Day and rules; one partition.
    pub fn control(&self) -> Arc<str> {
        self.name("control")
    }

    /// What an agreement may hold; narrowing an agreement opens the next generation (1 is the first).
    pub fn out(&self, agreement: &str, generation: u32) -> Arc<str> {
        if generation <= 1 {
            self.name(&format!("out.{agreement}"))
        } else {
            self.name(&format!("out.{agreement}.g{generation}"))
        }
    }

    /// What became of a source's records.
    pub fn answers(&self, source: &str) -> Arc<str> {
        self.name(&format!("answers.{source}"))
    }

    /// Error reports of subscribers.
    pub fn feedback(&self) -> Arc<str> {
        self.name("feedback")
    }

    /// Rows that could not be read.
    pub fn quarantine(&self) -> Arc<str> {
        self.name("quarantine")
    }

    /// Positions of the adapters; one partition.
    pub fn positions(&self) -> Arc<str> {
        self.name("positions")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_design() {
        let topics = Topics::new("dansync.");
        assert_eq!(&*topics.source("civil_status"), "dansync.source.civil_status.v1");
        assert_eq!(&*topics.registry_person(), "dansync.registry.person.v1");
        assert_eq!(&*topics.out("social_insurance", 1), "dansync.out.social_insurance.v1");
        assert_eq!(&*topics.out("social_insurance", 2), "dansync.out.social_insurance.g2.v1");
        assert_eq!(&*topics.positions(), "dansync.positions.v1");
    }
}
