import Jobs
import Ranks
import Testing

@testable import Worker

/// Another process of a job that is gone says nothing about the job.
@Suite struct GroupFailureTests {
    private struct Gone: GroupFailure {}

    /// A rank may notice it before the launcher ends it, as it does over TCP.
    @Test func aJobWhoseGroupBreaksIsTriedAgainAndHasNotFailed() {
        #expect(FailureDescription.transientOutcome(Gone()) == .ranOut)
        #expect(FailureDescription.status(Gone()).code == .workerCrashed)
    }
}
