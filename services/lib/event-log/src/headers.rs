//! Names of the message headers that are written and read.

/// Header names. The `__connect.errors.*` ones are Kafka Connect's, so that its tools understand a quarantined message.
pub mod names {
    /// Fingerprint (CRC-64-AVRO, hexadecimal) of the schema the payload was written with.
    pub const SCHEMA_FINGERPRINT: &str = "schema-fingerprint";
    /// Topic the failed message would have gone to.
    pub const ERRORS_TOPIC: &str = "__connect.errors.topic";
    /// The adapter or service that failed.
    pub const ERRORS_CONNECTOR_NAME: &str = "__connect.errors.connector.name";
    /// The step that failed.
    pub const ERRORS_STAGE: &str = "__connect.errors.stage";
    /// Kind of failure.
    pub const ERRORS_EXCEPTION_CLASS: &str = "__connect.errors.exception.class.name";
    /// Reason codes, separated by `,`; never values.
    pub const ERRORS_EXCEPTION_MESSAGE: &str = "__connect.errors.exception.message";
    /// Source database.
    pub const SOURCE: &str = "x-source";
    /// Kind of row.
    pub const ENTITY: &str = "x-entity";
    /// Place in the source's commit order: `epoch/position/ordinal`.
    pub const VERSION: &str = "x-version";
    /// Version of the mapping that failed.
    pub const MAPPING_VERSION: &str = "x-mapping-version";
    /// When it failed first, RFC 3339.
    pub const FAILED_AT: &str = "x-failed-at";

    /// All of them: a consumed message keeps these and no others.
    pub const ALL: [&str; 11] = [
        SCHEMA_FINGERPRINT,
        ERRORS_TOPIC,
        ERRORS_CONNECTOR_NAME,
        ERRORS_STAGE,
        ERRORS_EXCEPTION_CLASS,
        ERRORS_EXCEPTION_MESSAGE,
        SOURCE,
        ENTITY,
        VERSION,
        MAPPING_VERSION,
        FAILED_AT,
    ];
}

/// The known name equal to a name on the wire.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    names::ALL.into_iter().find(|known| *known == name)
}
