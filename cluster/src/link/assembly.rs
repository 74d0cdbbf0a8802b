//! Large messages, put together from their pieces.

use bytes::{Bytes, BytesMut};

use crate::wire::{Kind, NotUnderstood, Parcel};

/// The large message that arrives now. There is one at a time.
#[derive(Debug)]
pub(crate) struct Assembly {
    most: usize,
    begun: Option<(Parcel, BytesMut)>,
}

impl Assembly {
    /// Takes messages of up to so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, begun: None }
    }

    /// Takes a parcel, and gives the message that is whole with it.
    ///
    /// # Errors
    /// When the other end sends more than a message may hold, or pieces of nothing.
    pub(crate) fn take(&mut self, parcel: Parcel) -> Result<Option<Parcel>, NotUnderstood> {
        if parcel.kind() == Kind::Piece {
            let (head, mut body) = self.begun.take().ok_or(NotUnderstood)?;
            body.extend_from_slice(&parcel.body);
            return self.go_on(head, body);
        }
        if parcel.size == 0 {
            return Ok(Some(parcel));
        }
        if self.begun.is_some() {
            return Err(NotUnderstood);
        }
        let mut head = parcel;
        // Its room grows with what arrives: the size is what the other end says.
        let body = BytesMut::from(std::mem::replace(&mut head.body, Bytes::new()));
        self.go_on(head, body)
    }

    fn go_on(&mut self, mut head: Parcel, body: BytesMut) -> Result<Option<Parcel>, NotUnderstood> {
        let size = usize::try_from(head.size).map_err(|_| NotUnderstood)?;
        if size > self.most || body.len() > size {
            return Err(NotUnderstood);
        }
        if body.len() < size {
            self.begun = Some((head, body));
            return Ok(None);
        }
        head.body = body.freeze();
        Ok(Some(head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(size: u64, body: &'static [u8]) -> Parcel {
        Parcel { size, ..Parcel::new(Kind::Call, 7, Bytes::from_static(body)) }
    }

    fn piece(body: &'static [u8]) -> Parcel {
        Parcel::new(Kind::Piece, 0, Bytes::from_static(body))
    }

    #[test]
    fn a_message_is_given_when_it_is_whole() {
        let mut assembly = Assembly::new(8);
        assert_eq!(assembly.take(first(8, b"abc")), Ok(None));
        assert_eq!(assembly.take(piece(b"de")), Ok(None));
        let small = Parcel::new(Kind::Cast, 1, Bytes::from_static(b"between"));
        assert_eq!(assembly.take(small.clone()), Ok(Some(small)));
        let whole = assembly.take(piece(b"fgh")).unwrap().unwrap();
        assert_eq!((whole.number, whole.kind(), &whole.body[..]), (7, Kind::Call, &b"abcdefgh"[..]));
        assert_eq!(assembly.take(first(3, b"abc")).unwrap().unwrap().body, "abc");
    }

    #[test]
    fn what_cannot_be_whole_is_refused() {
        assert_eq!(Assembly::new(8).take(piece(b"a")), Err(NotUnderstood));
        assert_eq!(Assembly::new(8).take(first(9, b"abc")), Err(NotUnderstood));
        assert_eq!(Assembly::new(8).take(first(2, b"abc")), Err(NotUnderstood));
        let mut assembly = Assembly::new(8);
        assert_eq!(assembly.take(first(8, b"abc")), Ok(None));
        assert_eq!(assembly.take(first(8, b"abc")), Err(NotUnderstood));
    }
}
