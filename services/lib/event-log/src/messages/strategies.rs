//! Arbitrary messages, bounded and well-formed.

use super::{
    ControlEvent, Fence, RowMarker, SnapshotBegin, SnapshotEnd, SnapshotState, SnapshotTable, SourceMessage,
    SourcePosition, TableCount,
};
use chrono::{DateTime, NaiveDate, Utc};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use registry_rules::{
    ActReference, Answer, AnswerKind, ErrorReport, Fault, FieldName, FieldState, FieldValue, Identifier,
    IdentifierKind, Lifecycle, LinkEvent, LinkKind, PartialDate, PersonId, PersonImage, PinStanding,
    PinState, RecordKey, RowKey, SourceRecord, Standing, StandingField, Version,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,12}", ".{0,40}", "[ăâđêôơư \"\\\\]{0,9}", "x{60,70}", "y{8180,8200}"]
}

fn value() -> impl Strategy<Value = FieldValue> {
    let leaf = prop_oneof![
        text().prop_map(FieldValue::Text),
        btree_map("[a-z]{1,8}", text(), 0..5).prop_map(FieldValue::Parts),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| vec(inner, 0..3).prop_map(FieldValue::List))
}

fn field_name() -> impl Strategy<Value = FieldName> {
    "[a-z][a-z0-9_]{0,10}".prop_map(|item| item.parse().unwrap())
}

fn row_key() -> impl Strategy<Value = RowKey> {
    ("[a-z]{1,9}", "[a-z]{1,9}", ".{1,12}").prop_map(|(s, e, k)| RowKey::new(&s, &e, &k).unwrap())
}

fn record_key() -> impl Strategy<Value = RecordKey> {
    (row_key(), "[a-z]{1,9}").prop_map(|(row, role)| row.record(&role))
}

fn version() -> impl Strategy<Value = Version> {
    (any::<u32>(), any::<u64>(), any::<u32>()).prop_map(|(epoch, position, ordinal)| Version {
        epoch,
        position,
        ordinal,
    })
}

fn date() -> impl Strategy<Value = NaiveDate> {
    (-200_000..400_000_i32).prop_map(|days| NaiveDate::from_epoch_days(days).unwrap())
}

fn partial_date() -> impl Strategy<Value = PartialDate> {
    prop_oneof![
        (1_u16..=9999).prop_map(PartialDate::year_only),
        (0..70_000_i32).prop_map(|days| NaiveDate::from_epoch_days(days - 20_000).unwrap().into()),
        Just("1954-03".parse().unwrap()),
    ]
}

fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    (-4_000_000_000_000_000_i64..9_000_000_000_000_000)
        .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
}

fn act() -> impl Strategy<Value = ActReference> {
    (text(), text(), option::of(text())).prop_map(|(source, act, role)| ActReference { source, act, role })
}

fn identifier() -> impl Strategy<Value = Identifier> {
    let kinds = [
        IdentifierKind::Pin,
        IdentifierKind::Cmnd9,
        IdentifierKind::SourcePerson,
        IdentifierKind::ReplacesPin,
    ];
    (select(kinds.to_vec()), text()).prop_map(|(kind, value)| Identifier { kind, value })
}

pub(crate) fn source_record() -> impl Strategy<Value = SourceRecord> {
    let head = (
        record_key(),
        version(),
        text(),
        select(Standing::ALL.to_vec()),
        option::of(act()),
        option::of(act()),
    );
    let dates = (option::of(partial_date()), option::of(partial_date()), option::of(moment()));
    let rest =
        (vec(identifier(), 0..4), option::of(text()), btree_map(field_name(), value(), 0..6), any::<u32>());
    (head, dates, rest).prop_map(
        |(
            (record_key, version, kind, standing, act, refers_to),
            (valid_from, valid_to, recorded_at),
            (identifiers, relation_group, fields, mapping_version),
        )| SourceRecord {
            record_key,
            version,
            kind,
            standing,
            act,
            refers_to,
            valid_from,
            valid_to,
            recorded_at,
            identifiers,
            relation_group,
            fields,
            mapping_version,
        },
    )
}

pub(crate) fn source_message() -> impl Strategy<Value = SourceMessage> {
    let count = ("[a-z]{1,9}", any::<u64>()).prop_map(|(entity, rows)| TableCount { entity, rows });
    prop_oneof![
        6 => source_record().prop_map(SourceMessage::Record),
        1 => (row_key(), version(), vec(text(), 0..3), any::<u32>()).prop_map(
            |(row_key, version, reasons, mapping_version)| SourceMessage::Marker(RowMarker {
                row_key,
                version,
                reasons,
                mapping_version
            })
        ),
        1 => (any::<u32>(), vec(text(), 0..3))
            .prop_map(|(epoch, tables)| SourceMessage::SnapshotBegin(SnapshotBegin { epoch, tables })),
        1 => (any::<u32>(), vec(count, 0..3), vec(text(), 0..3)).prop_map(|(epoch, tables, truncated)| {
            SourceMessage::SnapshotEnd(SnapshotEnd { epoch, tables, truncated })
        }),
        1 => (text(), any::<u32>(), any::<u64>())
            .prop_map(|(id, epoch, position)| SourceMessage::Fence(Fence { id, epoch, position })),
    ]
}

pub(crate) fn source_position() -> impl Strategy<Value = SourcePosition> {
    let table = (text(), option::of(text()), any::<u64>(), any::<bool>())
        .prop_map(|(entity, cursor, rows, done)| SnapshotTable { entity, cursor, rows, done });
    let snapshot = (any::<u64>(), vec(table, 0..3), vec(text(), 0..2)).prop_map(
        |(consistent_point, tables, truncated)| SnapshotState { consistent_point, tables, truncated },
    );
    let head = (text(), any::<u32>(), any::<u64>(), any::<u64>(), text(), text());
    (head, option::of(snapshot), any::<u32>(), moment()).prop_map(
        |((source, epoch, position, part, system_id, slot), snapshot, mapping_version, updated_at)| {
            SourcePosition {
                source,
                epoch,
                position,
                part,
                system_id,
                slot,
                snapshot,
                mapping_version,
                updated_at,
            }
        },
    )
}

pub(crate) fn control_event() -> impl Strategy<Value = ControlEvent> {
    prop_oneof![
        date().prop_map(|date| ControlEvent::DayOpened { date }),
        text().prop_map(|rule_set| ControlEvent::RulesActivated { rule_set }),
    ]
}

fn person_id() -> impl Strategy<Value = PersonId> {
    any::<u128>().prop_map(PersonId::from_u128)
}

pub(crate) fn person_image() -> impl Strategy<Value = PersonImage> {
    let pin =
        (text(), select(PinStanding::ALL.to_vec())).prop_map(|(value, state)| PinState { value, state });
    let field = (value(), select(FieldState::ALL.to_vec()), option::of(record_key()), text())
        .prop_map(|(value, state, record_key, rule)| StandingField { value, state, record_key, rule });
    let head = (person_id(), any::<u64>(), select(Lifecycle::ALL.to_vec()), option::of(person_id()));
    let rest =
        (vec(person_id(), 0..3), any::<bool>(), vec(pin, 0..3), btree_map(field_name(), field, 0..5), date());
    (head, rest).prop_map(
        |(
            (person_id, version, lifecycle, merged_into),
            (absorbed, countable, pins, fields, business_date),
        )| PersonImage {
            person_id,
            version,
            lifecycle,
            merged_into,
            absorbed,
            countable,
            pins,
            fields,
            business_date,
        },
    )
}

pub(crate) fn link_event() -> impl Strategy<Value = LinkEvent> {
    (text(), person_id(), person_id(), select(LinkKind::ALL.to_vec())).prop_map(
        |(anchor, own_person_id, person_id, event)| LinkEvent { anchor, own_person_id, person_id, event },
    )
}

pub(crate) fn error_report() -> impl Strategy<Value = ErrorReport> {
    let said = [option::of(text()), option::of(text())];
    ([text(), text(), text(), text()], select(Fault::ALL.to_vec()), said, moment(), any::<bool>()).prop_map(
        |([report_id, reporter, pin, field], fault, [proposed, explanation], reported_at, withdrawn)| {
            ErrorReport {
                report_id,
                reporter,
                pin,
                field,
                fault,
                proposed,
                explanation,
                reported_at,
                withdrawn,
            }
        },
    )
}

pub(crate) fn answer() -> impl Strategy<Value = Answer> {
    let said = || option::of(text());
    let deadline =
        option::of((0..100_000).prop_map(|n| NaiveDate::from_num_days_from_ce_opt(700_000 + n).unwrap()));
    (
        record_key(),
        select(AnswerKind::ALL.to_vec()),
        deadline,
        [said(), said(), said(), said(), said(), said()],
    )
        .prop_map(|(record_key, outcome, deadline, [pin, detail, field, value, reason, way_out])| {
            Answer { record_key, outcome, pin, detail, deadline, field, value, reason, way_out }
        })
}
