//! Kinglet's engine on microcontrollers: no allocator, no operating system.
#![no_std]
#![forbid(unsafe_code)]
