import Foundation
import Glibc
import Jobs
import Manifest
import Spool
import Storage
import Testing

@testable import Daemon

/// Validations and salvages, which need no device: who waits for whom, and what their owners may
/// ask of them meanwhile. The workers wait for a word of the test, so no test depends on time.
@Suite(.serialized) struct CheckTests {
    /// Parts that start workers, each of which goes on when there is a file `go-` and its job's id.
    private struct Workplace {
        let place: PartTests.Place
        let spool: TestSpool
        let store: JobStore
        let scheduler: Scheduler
        let supervisor: WorkerSupervisor

        init() throws {
            place = try PartTests.Place()
            (spool, store, scheduler) = (place.spool, place.store, try place.scheduler())
            let script = """
                #!/bin/sh
                job=$3
                echo "$1 $(basename $job)" >>$job/../../log
                while [ ! -e $job/../../go-$(basename $job) ]; do sleep 0.01; done
                printf '{}' >$job/validation.json
                exit 4
                """
            try DurableFiles.replace(spool.workerPath, with: script, mode: 0o755)
            chmod(spool.workerPath, 0o755)
            supervisor = WorkerSupervisor(
                spool.layout, devices: ["cpu"], program: spool.workerPath, silenceLimit: 600, place.journal)
        }

        var dispatch: Dispatch { Dispatch(store: store, scheduler: scheduler, supervisor: supervisor) }
        var control: JobControl { JobControl(store: store, scheduler: scheduler, supervisor: supervisor) }
        var checked: Set<String> { Set(supervisor.checkers.map(\.job)) }

        func job(_ state: JobState, owner: Int) throws -> JobStatus { try place.job(state, owner: owner) }

        /// Lets the check of a job end, and waits until it has.
        func finish(_ id: String) throws {
            try DurableFiles.replace(spool.layout.root + "/go-\(id)", with: "")
            for _ in 0..<6000 {
                if supervisor.poll().contains(where: { $0.worker.job == id }) { return }
                usleep(10_000)
            }
            Issue.record("the check of \(id) does not end")
        }

        func remove() {
            for worker in supervisor.workers { supervisor.stopCheck(of: worker.job) }
            spool.remove()
        }
    }

    @Test func aSlowValidationDoesNotHoldUpAnotherOwnersJob() throws {
        let work = try Workplace()
        defer { work.remove() }
        let both = [try work.job(.validatingFiles, owner: 7), try work.job(.validatingFiles, owner: 7)]
        for job in both { work.scheduler.enqueue(job) }
        work.dispatch.startWork()
        // A second job of the same owner waits, although a second worker could be started.
        #expect(work.checked.count == 1)
        let slow = try #require(both.first { work.checked.contains($0.id) })
        let next = try #require(both.first { $0.id != slow.id })
        var others: [String] = []
        for owner in [8, 9, 8] {
            let job = try work.job(.validatingFiles, owner: owner)
            others.append(job.id)
            work.scheduler.enqueue(job)
            work.dispatch.startWork()
            #expect(work.checked == [slow.id, job.id])
            try work.finish(job.id)
        }
        work.dispatch.startWork()
        #expect(work.checked == [slow.id])
        try work.finish(slow.id)
        work.dispatch.startWork()
        #expect(work.checked == [next.id] && work.scheduler.isEmpty)
        try work.finish(next.id)
        #expect(Set(work.spool.log) == Set(([slow.id, next.id] + others).map { "validate \($0)" }))
    }

    @Test func asManyChecksRunAsThereAreWorkersForThem() throws {
        let work = try Workplace()
        defer { work.remove() }
        let jobs = try (1...4).map { try work.job(.validatingFiles, owner: $0) }
        for job in jobs { work.scheduler.enqueue(job) }
        work.dispatch.startWork()
        #expect(work.checked.count == WorkerSupervisor.checkerLimit && WorkerSupervisor.checkerLimit == 2)
        let first = try #require(work.supervisor.checkers.first?.job)
        try work.finish(first)
        work.dispatch.startWork()
        #expect(work.checked.count == 2 && !work.checked.contains(first))
    }

    @Test func aSalvageGoesBeforeAValidationAndCountsAsItsOwnersCheck() throws {
        let work = try Workplace()
        defer { work.remove() }
        var given = try work.job(.queued, owner: 7)
        given.reason = .givingUp
        try work.spool.layout.job(given.id).write(given)
        let fresh = try work.job(.validatingFiles, owner: 7)
        work.scheduler.enqueue(fresh)
        work.scheduler.salvageLater(given)
        // Said twice, it is still one.
        work.scheduler.salvageLater(given)
        #expect(work.scheduler.hasDue)
        work.dispatch.startWork()
        #expect(work.checked == [given.id])
        try work.finish(given.id)
        work.dispatch.startWork()
        #expect(work.checked == [fresh.id] && work.scheduler.isEmpty && !work.scheduler.hasDue)
        try work.finish(fresh.id)
        #expect(work.spool.log == ["salvage \(given.id)", "validate \(fresh.id)"])
    }

    @Test func aValidationIsPausedAndCancelledWhileItRuns() throws {
        let work = try Workplace()
        defer { work.remove() }
        var job = try work.job(.validatingFiles, owner: 7)
        let folder = work.spool.layout.job(job.id)
        work.scheduler.enqueue(job)
        work.dispatch.startWork()
        #expect(work.checked == [job.id])
        work.control.apply(.pause, &job)
        #expect(job.state == .paused && job.reason == .requested && work.supervisor.workers.isEmpty)
        #expect(folder.status()?.state == .paused && work.scheduler.isEmpty)
        work.dispatch.startWork()
        #expect(work.supervisor.workers.isEmpty)
        // It is validated from the beginning, and can be cancelled again.
        work.control.apply(.resume, &job)
        #expect(job.state == .validatingFiles)
        work.dispatch.startWork()
        #expect(work.checked == [job.id])
        work.control.apply(.cancel, &job)
        #expect(job.state == .cancelled && work.supervisor.workers.isEmpty && work.scheduler.isEmpty)
        #expect(folder.status()?.state == .cancelled && !folder.isValidated)
    }

    @Test func aWorkerThatHadJustRefusedTheFilesHasTheLastWord() throws {
        let work = try Workplace()
        defer { work.remove() }
        var job = try work.job(.validatingFiles, owner: 7)
        work.scheduler.enqueue(job)
        work.dispatch.startWork()
        // What the worker writes between the daemon's look at the job and the worker's end.
        var failed = try #require(work.spool.layout.job(job.id).status())
        try failed.become(.failed)
        try work.spool.layout.job(job.id).write(failed)
        let dependent = try work.place.job(text: TestSpool.manifest + "after: [\(job.id)]\n")
        work.scheduler.enqueue(dependent)
        work.control.apply(.cancel, &job)
        #expect(job.state == .failed && work.supervisor.workers.isEmpty)
        #expect(work.spool.layout.job(job.id).status()?.state == .failed)
        #expect(work.spool.layout.job(dependent.id).status()?.error?.code == .dependencyFailed)
    }
}
