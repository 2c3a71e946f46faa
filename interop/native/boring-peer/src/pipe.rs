use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Result, Write};
use std::rc::Rc;

/// The datagrams between BoringSSL and the socket; a clone is the other end of it.
#[derive(Clone, Default)]
pub struct Pipe(Rc<RefCell<Datagrams>>);

#[derive(Default)]
struct Datagrams {
    incoming: VecDeque<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

impl Pipe {
    pub fn deliver(&self, datagram: Vec<u8>) {
        self.0.borrow_mut().incoming.push_back(datagram);
    }

    pub fn outgoing(&self) -> Option<Vec<u8>> {
        self.0.borrow_mut().outgoing.pop_front()
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let datagram = self
            .0
            .borrow_mut()
            .incoming
            .pop_front()
            .ok_or(ErrorKind::WouldBlock)?;
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, datagram: &[u8]) -> Result<usize> {
        self.0.borrow_mut().outgoing.push_back(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
