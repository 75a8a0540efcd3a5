import Foundation
import Testing

@testable import Daemon

@Suite struct QueueTests {
    private func next(_ queue: inout Queue, device: String = "auto", monotonic: Double = 0, wall: Int = 0) -> String? {
        queue.next(monotonic: monotonic, wall: wall, device: { DeviceChoice.serves(device, $0) }, owner: { _ in true })?.id
    }

    @Test func theHighestPriorityGoesFirstThenTheOldest() {
        var queue = Queue()
        queue.add(.init(id: "b", owner: 1))
        queue.add(.init(id: "a", owner: 1))
        queue.add(.init(id: "c", owner: 1, priority: 5))
        queue.add(.init(id: "d", owner: 1, priority: -1))
        #expect((0..<5).map { _ in next(&queue) } == ["c", "a", "b", "d", nil])
    }

    @Test func ownersTakeTurnsHoweverManyJobsOneOfThemHas() {
        var queue = Queue()
        for index in 0..<1000 { queue.add(.init(id: "a\(1000 + index)", owner: 1)) }
        #expect(next(&queue) == "a1000")
        queue.add(.init(id: "z", owner: 2))
        #expect(next(&queue) == "z")
        #expect(next(&queue) == "a1001")
        queue.add(.init(id: "y1", owner: 2))
        queue.add(.init(id: "y2", owner: 2))
        queue.add(.init(id: "x", owner: 3))
        #expect((0..<5).map { _ in next(&queue) } == ["x", "y1", "a1002", "y2", "a1003"])
    }

    @Test func jobsWaitForTheirTimeAndForOtherJobs() {
        var queue = Queue()
        queue.add(.init(id: "later", owner: 1, notBefore: 100))
        queue.add(.init(id: "again", owner: 1, retryAt: 7))
        queue.add(.init(id: "after", owner: 1, after: ["first", "second"]))
        #expect(next(&queue) == nil)
        #expect(next(&queue, monotonic: 7) == "again")
        #expect(next(&queue, wall: 100) == "later")
        #expect(queue.ended("first", succeeded: true) == [] && next(&queue) == nil)
        #expect(queue.ended("second", succeeded: true) == [] && next(&queue) == "after")
        queue.add(.init(id: "never", owner: 1, after: ["third"]))
        #expect(queue.ended("third", succeeded: false) == ["never"] && queue.isEmpty)
    }

    @Test func aDeviceTakesOnlyJobsThatNameIt() {
        var queue = Queue()
        queue.add(.init(id: "a", owner: 1, device: "vulkan:1"))
        queue.add(.init(id: "b", owner: 1, device: "vulkan"))
        queue.add(.init(id: "c", owner: 1))
        #expect(next(&queue, device: "cpu") == "c")
        #expect(next(&queue, device: "vulkan:0") == "b")
        #expect(next(&queue, device: "vulkan:0") == nil)
        #expect(next(&queue, device: "vulkan:1") == "a")
    }

    @Test func whatLeavesTheQueueDoesNotComeOut() {
        var queue = Queue()
        for id in ["a", "b", "c"] { queue.add(.init(id: id, owner: 1)) }
        queue.remove("a")
        queue.add(.init(id: "b", owner: 1, priority: 1))
        #expect(queue.count == 2 && queue.count(of: 1) == 2)
        #expect((0..<3).map { _ in next(&queue) } == ["b", "c", nil])
        #expect(queue.count(of: 1) == 0 && !queue.hasDue)
    }

    @Test func aLongQueueCostsNoMorePerJobThanAShortOne() {
        func secondsPerJob(_ count: Int) -> Double {
            var queue = Queue()
            let start = Date()
            for index in 0..<count { queue.add(.init(id: "ftjob-\(10_000_000 + index)", owner: index % 5, priority: index % 3)) }
            while next(&queue) != nil {}
            return Date().timeIntervalSince(start) / Double(count)
        }
        _ = secondsPerJob(1000)
        // A linear search would cost fifty times as much; a logarithm and noise do not.
        #expect(secondsPerJob(50_000) < 10 * secondsPerJob(1000))
    }
}
