import Foundation
import Ranks
import Testing
import Training

/// The ranks of a job as threads of this process: what is sent goes through memory.
final class ThreadGroup: RankGroup, @unchecked Sendable {
    /// What the ranks of a group share.
    final class Table: @unchecked Sendable {
        let count: Int
        private let condition = NSCondition()
        private var arrived = 0
        private var round = 0
        private var slots: [[UInt8]]
        private var pointers: [UnsafeMutableRawBufferPointer?]
        private var parts: [[UnsafeMutableBufferPointer<Float>]]
        private var mail: [[[UInt8]]]
        fileprivate var announcements: [[[UInt8]]]
        fileprivate var isCancelled = false

        init(count: Int) {
            self.count = count
            slots = Array(repeating: [], count: count)
            pointers = Array(repeating: nil, count: count)
            parts = Array(repeating: [], count: count)
            mail = Array(repeating: [], count: count)
            announcements = Array(repeating: [], count: count)
        }

        fileprivate func locked<Value>(_ body: () -> Value) -> Value {
            condition.lock()
            defer { condition.unlock() }
            return body()
        }

        /// Waits until all have come here; the last does something before the others go on.
        fileprivate func meet(_ last: () -> Void = {}) {
            condition.lock()
            defer { condition.unlock() }
            let mine = round
            arrived += 1
            if arrived == count {
                last()
                (arrived, round) = (0, round + 1)
                condition.broadcast()
            } else {
                while round == mine { condition.wait() }
            }
        }

        fileprivate func exchange(_ rank: Int, _ bytes: [UInt8]) -> [[UInt8]] {
            locked { slots[rank] = bytes }
            meet()
            let all = locked { slots }
            meet { isCancelled = false }
            return all
        }

        /// Does something with the parts of all ranks once all have come here.
        fileprivate func share(
            _ rank: Int, _ mine: [UnsafeMutableBufferPointer<Float>], _ last: ([[UnsafeMutableBufferPointer<Float>]]) -> Void
        ) {
            locked { parts[rank] = mine }
            meet { last(parts) }
        }

        fileprivate func send(_ bytes: [UInt8], to target: Int) {
            locked {
                mail[target].append(bytes)
                condition.broadcast()
            }
        }

        fileprivate func receive(_ rank: Int) -> [UInt8] {
            condition.lock()
            defer { condition.unlock() }
            while mail[rank].isEmpty { condition.wait() }
            return mail[rank].removeFirst()
        }

        fileprivate func share(_ rank: Int, _ memory: UnsafeMutableRawBufferPointer, _ last: ([UnsafeMutableRawBufferPointer]) -> Void) {
            locked { pointers[rank] = memory }
            meet { last(pointers.compactMap { $0 }) }
        }

        fileprivate func announce(_ message: [UInt8]) {
            locked {
                for rank in 1..<count { announcements[rank].append(message) }
                condition.broadcast()
            }
        }

        fileprivate func next(_ rank: Int) -> [UInt8] {
            condition.lock()
            defer { condition.unlock() }
            while announcements[rank].isEmpty { condition.wait() }
            return announcements[rank].removeFirst()
        }
    }

    let rank: Int
    private let table: Table
    var count: Int { table.count }
    /// What ``gather(_:)`` gives for this rank is changed by it.
    var falsify: ([UInt8]) -> [UInt8] = { $0 }

    init(rank: Int, _ table: Table) { (self.rank, self.table) = (rank, table) }

    func announce(_ message: [UInt8]) { if rank == 0, count > 1 { table.announce(message) } }
    func nextAnnouncement() -> [UInt8] { table.next(rank) }
    func gather(_ mine: [UInt8]) -> [[UInt8]] {
        if !begun.isEmpty { begunBeforeGathering = begun.count }
        return table.exchange(rank, falsify(mine))
    }
    func tellToCancel() { if rank == 0 { table.locked { table.isCancelled = true } } }
    var isToldToCancel: Bool { rank != 0 && table.locked { table.isCancelled } }

    func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {
        table.share(rank, bytes) { all in for other in all.dropFirst() { other.copyMemory(from: UnsafeRawBufferPointer(all[0])) } }
    }

    /// What has been begun, in its order.
    private var begun: [(parts: [UnsafeMutableBufferPointer<Float>], exchange: RankExchange)] = []
    /// Whether exchanges are begun while the device computes, and how often they were asked to go
    /// on.
    var movesBeside = true
    private(set) var advances = 0
    /// How much had been begun and not finished at the last ``gather(_:)`` that found anything.
    private(set) var begunBeforeGathering = 0
    var begunCount: Int { begun.count }

    /// What the last ``share(_:)`` named.
    private(set) var sharedCounts: [Int] = []
    func share(_ places: [UnsafeMutableBufferPointer<Float>]) { sharedCounts = places.map(\.count) }
    func start(_ parts: [UnsafeMutableBufferPointer<Float>], _ exchange: RankExchange) { begun.append((parts, exchange)) }
    func advance() { advances += 1 }

    /// All have begun the same exchanges when they come here; one after the other is done then.
    func finish() {
        for (parts, exchange) in begun {
            if exchange.contains(.addUp) {
                table.share(rank, parts) { all in
                    for owner in all.indices { Self.addUp(all.map { $0[owner] }, into: owner) }
                }
            }
            if exchange.contains(.spread) { spread(parts) }
            if exchange.contains(.clear) { for other in parts.indices where other != rank { parts[other].update(repeating: 0) } }
        }
        begun = []
    }

    /// Adds the ranks' numbers up in memory of their own, so that nobody gets more than the sum of
    /// its own part.
    private static func addUp(_ numbers: [UnsafeMutableBufferPointer<Float>], into owner: Int) {
        let sums = numbers.map { PartialSum(count: $0.count) }
        for (sum, part) in zip(sums, numbers) { for index in part.indices { sum.numbers[index] = part[index] } }
        PartialSum.addUp(sums.map(\.numbers))
        for (rank, part) in numbers.enumerated() {
            for index in part.indices { part[index] = rank == owner ? sums[0].numbers[index] : .nan }
        }
        withExtendedLifetime(sums) {}
    }

    private func spread(_ parts: [UnsafeMutableBufferPointer<Float>]) {
        table.share(rank, parts) { all in
            for owner in all.indices {
                for rank in all.indices where rank != owner {
                    for index in all[owner][owner].indices { all[rank][owner][index] = all[owner][owner][index] }
                }
            }
        }
    }

    func move(_ bytes: UnsafeMutableRawBufferPointer, from source: Int, to target: Int) {
        guard source != target else { return }
        if rank == source { table.send(Array(bytes), to: target) }
        if rank == target { bytes.copyBytes(from: table.receive(rank)) }
    }
}

extension ThreadGroup {
    /// Has threads follow while a body leads.
    /// - Parameter make: each process's run.
    static func together<Value>(
        _ processes: Int, run make: @escaping @Sendable (ThreadGroup) throws -> TrainingRun,
        follower: @escaping @Sendable (ThreadGroup) -> Void = { _ in }, _ lead: (TrainingRun, ThreadGroup) throws -> Value
    ) throws -> Value {
        let table = Table(count: processes)
        let done = DispatchGroup()
        for rank in 1..<max(1, processes) {
            done.enter()
            Thread.detachNewThread {
                defer { done.leave() }
                let group = ThreadGroup(rank: rank, table)
                follower(group)
                do {
                    let end = try make(group).follow()
                    #expect(end == .end)
                } catch { Issue.record("rank \(rank): \(error)") }
            }
        }
        let group = ThreadGroup(rank: 0, table)
        defer {
            group.announce(RankOrder.end.bytes)
            done.wait()
        }
        return try lead(make(group), group)
    }
}
