//! The allocator: memory is zeroed when it is freed.
//!
//! What the API server sends of Secrets passes through buffers of hyper, rustls
//! and serde. They live for milliseconds, and nothing of them stays behind.
//! jemalloc, because it gives memory back after the peak of a list.

use tikv_jemallocator::Jemalloc;
use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static ALLOCATOR: ZeroAlloc<Jemalloc> = ZeroAlloc(Jemalloc);
