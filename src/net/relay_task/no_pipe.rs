//! Where the kernel moves no bytes by itself, they are copied.

use std::io;

/// There is none.
pub enum Pipe {}

pub fn take() -> Option<Pipe> {
    None
}

pub fn put_back(pipe: Pipe) {
    match pipe {}
}

impl Pipe {
    pub fn fill_from<S>(&self, _socket: &S) -> io::Result<usize> {
        match *self {}
    }

    pub fn empty_into<S>(&self, _socket: &S, _bytes: usize) -> io::Result<usize> {
        match *self {}
    }

    pub fn read_rest(&self, _bytes: usize, _to: &mut Vec<u8>) {
        match *self {}
    }
}
