import Foundation

/// The work that a test's own thread does: what bounds on time are compared with, because other
/// processes do not add to it.
package enum ProcessorTime {
    /// Seconds of processor time that the calling thread has used so far.
    package static var ofThread: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Seconds of processor time that the body uses on the calling thread.
    package static func measure(_ body: () throws -> Void) rethrows -> Double {
        let start = ofThread
        try body()
        return ofThread - start
    }
}
