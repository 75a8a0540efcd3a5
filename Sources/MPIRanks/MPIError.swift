import Ranks

/// A call of MPI that failed. Nothing is mended inside MPI: the group ends, and the daemon starts
/// it again.
package struct MPIError: GroupFailure, CustomStringConvertible {
    package var call: String
    package var reason: String

    package init(call: String, reason: String) { (self.call, self.reason) = (call, reason) }

    package var description: String { "\(call) failed: \(reason)" }
}
