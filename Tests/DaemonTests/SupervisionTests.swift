import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import Testing

@testable import Daemon

@Suite(.serialized) struct SupervisionTests {
    @Test func filesAreValidatedInAWorkerWhileOthersTrain() throws {
        let spool = try TestSpool(
            worker:
                "echo run >>$job/../../log; for i in 1 2 3 4 5 6 7 8 9 10; do [ -e $job/../../second ] && break; sleep 0.1; done; state succeeded; exit 0",
            validate:
                "case $(cat $job/manifest.json) in *second*) echo validated >>$job/../../log; touch $job/../../second;; esac; printf '{}' >$job/validation.json; state queued; exit 0"
        )
        defer { spool.remove() }
        try spool.drop("a.yaml")
        try spool.drop("b.yaml", TestSpool.manifest + "suffix: second\n")
        #expect(try spool.drain() == 0)
        #expect(spool.log.contains("validated") && spool.jobs.allSatisfy { $0.state == .succeeded })
        // The second job was validated while the first one ran.
        #expect(spool.log == ["run", "validated", "run"] || spool.log == ["validated", "run", "run"])
    }

    @Test func aJobWhoseFilesAreWrongFailsBeforeItIsQueued() throws {
        let spool = try TestSpool(worker: "echo run >>$job/../../log; exit 0", validate: "state failed; exit 1")
        defer { spool.remove() }
        try spool.drop("a.yaml")
        #expect(try spool.drain() == 1)
        #expect(spool.jobs.first?.state == .failed && spool.log.isEmpty)
    }

    @Test func onAnIdleDaemonOneWorkerValidatesAndTrains() throws {
        var spool = try TestSpool(
            worker: "echo $task >>$job/../../log; printf '{}' >$job/validation.json; state succeeded; exit 0",
            validate: "echo $task >>$job/../../log; printf '{}' >$job/validation.json; state queued; exit 0")
        defer { spool.remove() }
        spool.startsAtOnce = true
        try spool.drop("a.yaml")
        #expect(try spool.drain() == 0)
        #expect(spool.log == ["run"] && spool.jobs.first?.state == .succeeded)
        // Of two jobs one waits for the device, so its files are validated meanwhile; so are those
        // of a job that waits for a time.
        try spool.drop("b.yaml")
        try spool.drop("c.yaml")
        #expect(try spool.drain() == 0)
        #expect(spool.log.count == 4 && spool.log.filter { $0 == "validate" }.count == 1)
        try spool.drop("d.yaml", TestSpool.manifest + "not_before: 1000000000\n")
        #expect(try spool.drain() == 0)
        #expect(spool.log.suffix(2) == ["validate", "run"])
    }

    @Test func aWorkerThatDiesWhileItValidatesOnADeviceLeavesTheJobToBeValidated() throws {
        var spool = try TestSpool(
            worker: "echo $task >>$job/../../log; [ -e $job/validation.json ] || kill -SEGV $$; state succeeded; exit 0",
            validate: "echo $task >>$job/../../log; printf '{}' >$job/validation.json; state queued; exit 0")
        defer { spool.remove() }
        spool.startsAtOnce = true
        try spool.drop("a.yaml")
        #expect(try spool.drain() == 0)
        #expect(spool.log == ["run", "validate", "run"] && spool.jobs.first?.state == .succeeded)
    }

    @Test func aValidationThatCrashesIsTriedAgainAndEndsTheJobNotTheDaemon() throws {
        let spool = try TestSpool(worker: "exit 0", validate: "echo x >>$job/../../log; kill -SEGV $$")
        defer { spool.remove() }
        try spool.drop("a.yaml")
        #expect(try spool.drain() == 1)
        let status = try #require(spool.jobs.first)
        #expect(status.state == .failed && status.error?.message.contains("validated") == true && spool.log.count == 4)
    }

    @Test func eachDeviceRunsOneJobAtATime() throws {
        let spool = try TestSpool(
            worker: """
                if ! mkdir $job/../../busy-$device; then echo "two on $device" >>$job/../../log; fi
                echo $device >>$job/../../log; sleep 0.2; rmdir $job/../../busy-$device; state succeeded; exit 0
                """)
        defer { spool.remove() }
        for index in 0..<4 { try spool.drop("any\(index).yaml") }
        for index in 0..<2 { try spool.drop("cpu\(index).yaml", TestSpool.manifest + "device: cpu\n") }
        try spool.drop("other.yaml", TestSpool.manifest + "device: vulkan:7\n")
        #expect(try spool.drain { $0.devices = ["cpu", "vulkan:0"] } == 1)
        let jobs = spool.jobs
        #expect(jobs.count == 6 && jobs.allSatisfy { $0.state == .succeeded })
        #expect(Set(spool.log) == ["cpu", "vulkan:0"] && spool.log.count == 6)
        #expect(try spool.rejection("other.yaml")["param"]?.string == "device")
    }

    @Test func jobsAfterOthersBeginWhenThoseHaveSucceededAndFailWithThem() throws {
        let spool = try TestSpool(
            worker:
                "case $(cat $job/manifest.json) in *bad*) state failed; exit 1;; esac; echo $(basename $job) >>$job/../../log; state succeeded; exit 0"
        )
        defer { spool.remove() }
        try spool.drop("a.yaml", TestSpool.manifest + "not_before: 99999999999\n")
        try spool.drop("b.yaml", TestSpool.manifest + "suffix: bad\nnot_before: 99999999999\n")
        #expect(try spool.run { spool.jobs.count == 2 && spool.jobs.allSatisfy { $0.state == .queued } })
        let good = try #require(spool.job(droppedAs: "a.yaml")).id
        let bad = try #require(spool.job(droppedAs: "b.yaml")).id
        try spool.drop("c.yaml", TestSpool.manifest + "after: [\(good)]\npriority: 9\n")
        try spool.drop("d.yaml", TestSpool.manifest + "after: [\(good), \(bad)]\n")
        try spool.drop("e.yaml", TestSpool.manifest + "after: [ftjob-00000000000000000000000000]\n")
        #expect(try spool.run { spool.jobs.count == 4 && spool.jobs.allSatisfy { $0.state == .queued } })
        // Their time has come.
        for id in [good, bad] {
            let folder = spool.layout.job(id)
            var manifest = try folder.manifest()
            manifest.notBefore = nil
            try OwnDigests.replace(folder.manifestFile, with: JSONWriter().string(manifest.json))
        }
        #expect(try spool.drain() == 1)
        #expect(spool.job(droppedAs: "c.yaml")?.state == .succeeded && spool.job(droppedAs: "d.yaml")?.error?.code == .dependencyFailed)
        #expect(spool.log == [good, spool.job(droppedAs: "c.yaml")?.id ?? ""])
        #expect(try spool.rejection("e.yaml")["param"]?.string == "after")
    }

    @Test func aLongChainOfDependentsFailsWithoutRecursion() throws {
        let spool = try TestSpool(worker: "state failed; exit 1")
        defer { spool.remove() }
        var queue = Queue()
        queue.add(.init(id: "0", owner: 1))
        for index in 1..<20_000 { queue.add(.init(id: "\(index)", owner: 1, after: ["\(index - 1)"])) }
        var ends = ["0"]
        while let end = ends.popLast() { ends += queue.ended(end, succeeded: false) }
        #expect(queue.count == 1)
    }

    @Test func twiceInTheSameStepIsTheEndWithItsCauseAndTheLastCheckpoint() throws {
        let spool = try TestSpool(worker: "mkdir -p $job/checkpoints/step-000005; pulse step 7; kill -SEGV $$")
        defer { spool.remove() }
        try spool.drop("a.yaml")
        #expect(try spool.drain() == 1)
        let status = try #require(spool.jobs.first)
        #expect(status.attempts == 2 && status.error?.code == .workerCrashed && status.crashes?.step == 7)
        let message = try #require(status.error?.message)
        #expect(message.contains("step 7") && message.contains("signal 11") && message.contains("cpu") && message.contains("step-000005"))
    }

    @Test func aDaemonThatDiesBeforeTheSalvageDoesItAfterTheNextStart() throws {
        let spool = try TestSpool(worker: "echo run >>$job/../../log; exit 0")
        defer { spool.remove() }
        try spool.drop("a.yaml", TestSpool.manifest + "not_before: 99999999999\n")
        #expect(try spool.run { spool.jobs.first?.state == .queued })
        var status = try #require(spool.jobs.first)
        status.reason = .givingUp
        status.error = .init(code: .workerCrashed, message: "it died")
        try spool.layout.job(status.id).write(status)
        #expect(try spool.drain() == 1)
        #expect(spool.jobs.first?.state == .failed && spool.jobs.first?.error?.message == "it died" && spool.log.isEmpty)
    }

    @Test func aWorkerThatHangsIsEndedAndTheJobGoesOn() throws {
        let spool = try TestSpool(
            worker: "if [ -e $job/once ]; then state succeeded; exit 0; fi; touch $job/once; pulse step 3; exec sleep 60")
        defer { spool.remove() }
        try spool.drop("a.yaml")
        let start = Date()
        #expect(try spool.drain { $0.silenceLimit = 0.3 } == 0)
        // The worker would have slept for a minute.
        #expect(Date().timeIntervalSince(start) < 50)
        let status = try #require(spool.jobs.first)
        #expect(status.state == .succeeded && status.attempts == 2)
        #expect(spool.events(status.id).contains("No sign of life") && spool.events(status.id).contains("in step 3"))
    }

    /// In the time in which data is read an hour may pass without a sign of life.
    @Test func aWorkerThatASignalStopsIsEndedWithoutWaitingForItsSilence() throws {
        let spool = try TestSpool(worker: "if [ -e $job/once ]; then state succeeded; exit 0; fi; touch $job/once; kill -STOP $$; exit 1")
        defer { spool.remove() }
        try spool.drop("a.yaml")
        let start = Date()
        #expect(try spool.drain { $0.silenceLimit = 0.3 } == 0)
        #expect(Date().timeIntervalSince(start) < 50)
        let status = try #require(spool.jobs.first)
        #expect(status.state == .succeeded && status.attempts == 2)
        #expect(spool.events(status.id).contains("A signal has stopped the worker"))
    }

    @Test func aWorkerThatIsStoppedForAMomentGoesOn() throws {
        let spool = try TestSpool(worker: "(sleep 0.5; kill -CONT $$) & kill -STOP $$; state succeeded; exit 0")
        defer { spool.remove() }
        try spool.drop("a.yaml")
        #expect(try spool.drain { $0.silenceLimit = 30 } == 0)
        let status = try #require(spool.jobs.first)
        #expect(status.state == .succeeded && status.attempts == 1 && !spool.events(status.id).contains("A signal has stopped"))
    }

    @Test func whatIsAskedOfAWorkerThatDiesIsStillDone() throws {
        let spool = try TestSpool(
            worker: "touch $job/started; for i in $(seq 100); do [ -e $job/.control/cancel ] && kill -9 $$; sleep 0.05; done; exit 1")
        defer { spool.remove() }
        try spool.drop("a.yaml")
        var asked = false
        let done = try spool.run {
            guard let status = spool.jobs.first else { return false }
            if !asked, FileManager.default.fileExists(atPath: spool.layout.job(status.id).path + "/started") {
                asked = true
                try spool.ask("cancel", status.id)
            }
            return status.state == .cancelled
        }
        #expect(done && spool.jobs.first?.attempts == 1)
    }

    @Test func aJobThatIsBeingValidatedIsCancelledAtOnce() throws {
        let spool = try TestSpool(worker: "exit 0", validate: "touch $job/started; exec sleep 60")
        defer { spool.remove() }
        try spool.drop("a.yaml")
        let start = Date()
        let done = try spool.run {
            guard let status = spool.jobs.first else { return false }
            if status.state == .validatingFiles, FileManager.default.fileExists(atPath: spool.layout.job(status.id).path + "/started") {
                try spool.ask("cancel", status.id)
            }
            return status.state == .cancelled
        }
        // The worker would have slept for a minute.
        #expect(done && Date().timeIntervalSince(start) < 50)
    }

    @Test func sigtermWaitsForTheWorkersCheckpointAndTheNextStartGoesOn() throws {
        let spool = try TestSpool(
            worker:
                "if [ -e $job/saved ]; then state succeeded; exit 0; fi; trap 'sleep 0.3; touch $job/saved; exit 75' TERM; touch $job/started; while :; do sleep 0.05; done"
        )
        defer { spool.remove() }
        try spool.drop("a.yaml")
        #expect(try spool.run { FileManager.default.fileExists(atPath: spool.layout.job(spool.ids.first ?? "").path + "/started") })
        #expect(spool.jobs.first?.state == .queued)
        #expect(try spool.drain() == 0)
        #expect(spool.jobs.first?.state == .succeeded)
    }

    @Test func aJobThatLacksRoomOnTheDiskGoesOnByItself() throws {
        let spool = try TestSpool(
            worker: "if [ -e $job/once ]; then state succeeded; exit 0; fi; touch $job/once; state paused; reason disk_full; exit 4")
        defer { spool.remove() }
        try spool.drop("a.yaml")
        // The script writes the reason after the state.
        #expect(try spool.run { spool.jobs.first?.state == .paused && spool.jobs.first?.reason == .diskFull })
        // The next start looks for room at once.
        #expect(try spool.run { spool.jobs.first?.state == .succeeded })
    }

    @Test func aWorkersLockThatIsStillHeldIsWaitedFor() throws {
        let spool = try TestSpool(worker: "state succeeded; exit 0")
        defer { spool.remove() }
        try spool.drop("a.yaml", TestSpool.manifest + "priority: 1\n")
        try spool.drop("b.yaml", TestSpool.manifest + "not_before: 99999999999\n")
        #expect(try spool.run { spool.jobs.count == 2 && spool.jobs.allSatisfy { $0.state == .queued || $0.state == .succeeded } })
        let folder = spool.layout.job(try #require(spool.job(droppedAs: "b.yaml")).id)
        var manifest = try folder.manifest()
        manifest.notBefore = nil
        try OwnDigests.replace(folder.manifestFile, with: JSONWriter().string(manifest.json))
        var lock = try FileLock(path: folder.lockFile)
        let start = Date()
        let done = try spool.run {
            if Date().timeIntervalSince(start) > 1 { lock = nil }
            let state = folder.status()?.state
            if lock != nil { #expect(state == .queued) }
            return state == .succeeded
        }
        #expect(done)
    }
}
