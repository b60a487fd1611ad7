//! The one question asked of a Kafka that is starting: which brokers and which controller do you know?
//!
//! Spoken by hand (Metadata, version 4), because a client library answers it with retries and a log of its own.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A broker that answers at all answers within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// An answer of a handful of brokers and no topics is far below this.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Metadata, version 4, correlation 1, client `dansync`, no topics, none to be made; after its length.
const QUESTION: &[u8] = b"\0\0\0\x16\0\x03\0\x04\0\0\0\x01\0\x07dansync\0\0\0\0\0";

/// How many brokers the one at `address` knows, if there is a controller.
pub(super) async fn brokers_known(address: &str) -> Option<usize> {
    let answer = tokio::time::timeout(ANSWER_WITHIN, ask(address)).await.ok()?.ok()?;
    parse(&answer)
}

async fn ask(address: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(QUESTION).await?;
    let length = stream.read_u32().await?;
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(LARGEST_ANSWER);
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// Correlation, throttle time, brokers (id, host, port, rack), cluster id, controller.
fn parse(answer: &[u8]) -> Option<usize> {
    let mut rest = answer;
    let _correlation = number(&mut rest)?;
    let _throttled_ms = number(&mut rest)?;
    let brokers = usize::try_from(number(&mut rest)?).ok()?;
    for _ in 0..brokers {
        let _id = number(&mut rest)?;
        skip_text(&mut rest)?;
        let _port = number(&mut rest)?;
        skip_text(&mut rest)?;
    }
    skip_text(&mut rest)?;
    let controller = number(&mut rest)?;
    (controller >= 0).then_some(brokers)
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(i32::from_be_bytes(*bytes))
}

/// A text after its length; -1 stands for none.
fn skip_text(rest: &mut &[u8]) -> Option<()> {
    let (bytes, after) = rest.split_first_chunk()?;
    let length = usize::try_from(i16::from_be_bytes(*bytes)).unwrap_or(0);
    *rest = after.get(length..)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{QUESTION, parse};

    #[test]
    fn the_question_says_its_own_length() {
        assert_eq!(QUESTION.len() - 4, usize::from(QUESTION[3]));
    }

    #[test]
    fn an_answer_counts_only_with_a_controller() {
        let answer = |controller: i32| {
            let mut bytes =
                b"\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\0\x09127.0.0.1\0\0\x23\x84\xff\xff\0\x02id".to_vec();
            bytes.extend(controller.to_be_bytes());
            bytes
        };
        assert_eq!(parse(&answer(1)), Some(1));
        assert_eq!(parse(&answer(-1)), None);
        assert_eq!(parse(&answer(1)[..20]), None);
    }
}
