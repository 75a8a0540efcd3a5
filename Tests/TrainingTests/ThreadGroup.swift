import Foundation
import Ranks

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
        fileprivate var announcements: [[[UInt8]]]
        fileprivate var isCancelled = false

        init(count: Int) {
            self.count = count
            slots = Array(repeating: [], count: count)
            pointers = Array(repeating: nil, count: count)
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
    func gather(_ mine: [UInt8]) -> [[UInt8]] { table.exchange(rank, falsify(mine)) }
    func tellToCancel() { if rank == 0 { table.locked { table.isCancelled = true } } }
    var isToldToCancel: Bool { rank != 0 && table.locked { table.isCancelled } }

    func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {
        table.share(rank, bytes) { all in for other in all.dropFirst() { other.copyMemory(from: UnsafeRawBufferPointer(all[0])) } }
    }

    func sum(_ numbers: UnsafeMutableBufferPointer<Float>) {
        table.share(rank, UnsafeMutableRawBufferPointer(numbers)) { all in
            PartialSum.addUp(all.map { $0.bindMemory(to: Float.self) })
            for other in all.dropFirst() { other.copyMemory(from: UnsafeRawBufferPointer(all[0])) }
        }
    }
}
