//! `dansync.ErrorReport` in Avro.

use crate::avro::{DecodeError, Decoder, EncodeError, Encoder};
use registry_rules::{ErrorReport, Fault};

const fn fault_index(fault: Fault) -> u8 {
    match fault {
        Fault::WrongValue => 0,
        Fault::Outdated => 1,
        Fault::Missing => 2,
        Fault::OtherPerson => 3,
    }
}

/// Appends the Avro body.
pub fn encode_error_report(report: &ErrorReport, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    Encoder::append(out, |e| {
        e.text("report_id", &report.report_id)?;
        e.text("reporter", &report.reporter)?;
        e.text("pin", &report.pin)?;
        e.text("field", &report.field)?;
        e.index(fault_index(report.fault));
        e.optional_text("proposed", report.proposed.as_deref())?;
        e.optional_text("explanation", report.explanation.as_deref())?;
        e.moment(report.reported_at);
        e.bool(report.withdrawn);
        Ok(())
    })
}

/// Reads an Avro body. Total; whether the parts have the form of their kind, [`ErrorReport::record`] says.
pub fn decode_error_report(body: &[u8]) -> Result<ErrorReport, DecodeError> {
    Decoder::whole(body, |d| {
        Ok(ErrorReport {
            report_id: d.string("report_id")?,
            reporter: d.string("reporter")?,
            pin: d.string("pin")?,
            field: d.string("field")?,
            fault: d.symbol("fault", &Fault::ALL)?,
            proposed: d.optional_string("proposed")?,
            explanation: d.optional_string("explanation")?,
            reported_at: d.moment("reported_at")?,
            withdrawn: d.bool("withdrawn")?,
        })
    })
}
