import Foundation
import JSON
import Jobs
import Basics
import Manifest
import Spool
import Storage
import TestSupport
import Testing

@testable import Daemon

/// Writers that sleep, die, append after they have closed, or replace a file while it is claimed:
/// whatever the interleaving, a job is what somebody has written whole, or there is none. Fifty of
/// them, under TALA_TORTURE=1 a thousand.
@Suite(.serialized) struct HalfWrittenDropTests {
    private static let count = Extent.times(50, full: 1000)

    private enum Kind: Int, CaseIterable { case sleeping, killedInPlace, killedAside, appending, replacing }

    private struct Plan: Sendable {
        var kind: Kind
        var name: String
        /// What the drop is about, found again in the job.
        var tag: String
        /// Where the text is cut, and how long the writer waits there in microseconds.
        var cuts: [Int]
        var pauses: [UInt32]
        var versions: Int
    }

    private static func json(_ tag: String) -> String {
        #"{"model": "m", "training_file": "t.jsonl", "metadata": {"a": "\#(tag)", "b": "\#(tag)"}, "seed": 77}"#
    }

    /// Writes as the plan says; descriptors of a killed process are closed by the kernel, as here.
    private static func write(_ plan: Plan, _ layout: SpoolLayout) {
        let path = layout.incoming + "/" + plan.name
        func put(_ file: Int32, _ text: some StringProtocol) { _ = String(text).withCString { Glibc.write(file, $0, strlen($0)) } }
        func pause(_ index: Int) { usleep(plan.pauses[index % plan.pauses.count]) }
        switch plan.kind {
        case .sleeping, .killedInPlace, .killedAside:
            let place = plan.kind == .killedAside ? layout.incoming + "/.\(plan.name).tmp" : path
            let file = open(place, O_WRONLY | O_CREAT | O_EXCL, 0o644)
            let text = Array(json(plan.tag))
            var start = 0
            for (index, cut) in (plan.cuts + [text.count]).enumerated() {
                if index == plan.cuts.count, plan.kind != .sleeping { break }
                put(file, String(text[start..<max(start, cut)]))
                start = max(start, cut)
                pause(index)
            }
            close(file)
        case .appending:
            let file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o644)
            put(file, "model: m\ntraining_file: t.jsonl\nmetadata: {a: \(plan.tag), b: \(plan.tag)}\n")
            close(file)
            pause(0)
            // Not made anew if it has been claimed.
            let again = open(path, O_WRONLY | O_APPEND)
            guard again >= 0 else { return }
            put(again, "seed: 1234")
            pause(1)
            put(again, "56789\n")
            close(again)
        case .replacing:
            for version in 0..<plan.versions {
                let aside = layout.root + "/.\(plan.name).\(version)"
                let file = open(aside, O_WRONLY | O_CREAT | O_EXCL, 0o644)
                put(file, json("\(plan.tag)v\(version)"))
                close(file)
                rename(aside, path)
                pause(version)
            }
        }
    }

    @Test func aDropIsTakenWholeOrNotAtAll() throws {
        let seed = Extent.seed
        var random = SplitMix64(seed: seed)
        let spool = try TestSpool(worker: "state succeeded; exit 0")
        defer { spool.remove() }
        var plans: [Plan] = []
        for index in 0..<Self.count {
            let kind = Kind.allCases[index % Kind.allCases.count]
            let length = Self.json("tag\(index)").count
            let cuts = (0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: 1..<(length - 2), using: &random) }.sorted()
            let pauses = (0..<4).map { _ in
                Bool.random(using: &random) ? UInt32.random(in: 0...500, using: &random) : UInt32.random(in: 0...40_000, using: &random)
            }
            plans.append(
                Plan(
                    kind: kind, name: "drop\(index)." + (kind == .appending ? "yaml" : "json"), tag: "tag\(index)", cuts: cuts,
                    pauses: pauses, versions: Int.random(in: 2...6, using: &random)))
        }
        let layout = spool.layout
        let written = plans
        let group = DispatchGroup()
        let place = DispatchSemaphore(value: 16)
        let starter = Thread {
            for plan in written {
                place.wait()
                group.enter()
                Thread.detachNewThread {
                    Self.write(plan, layout)
                    place.signal()
                    group.leave()
                }
            }
            group.leave()
        }
        group.enter()
        starter.start()
        let done = try spool.run({ $0.settleSeconds = 0.2 }) {
            guard group.wait(timeout: .now()) == .success else { return false }
            return try FolderListing.names(in: layout.incoming).allSatisfy { !Claim.isCandidate($0) }
        }
        let left = try FolderListing.names(in: layout.incoming).filter { Claim.isCandidate($0) }
        #expect(done, "seed \(seed), left: \(left.prefix(5))")
        var jobs: [String: [Manifest]] = [:]
        for id in spool.ids { jobs[try layout.job(id).acceptance().drop, default: []].append(try layout.job(id).manifest()) }
        let rejected = Set(try FolderListing.names(in: layout.rejected))
        for plan in plans {
            let found = jobs[plan.name] ?? []
            let note = "\(plan), seed \(seed)"
            for manifest in found {
                #expect(manifest.metadata["a"] == manifest.metadata["b"] && manifest.metadata["a"]?.hasPrefix(plan.tag) == true, "\(note)")
            }
            switch plan.kind {
            case .sleeping: #expect(found.count == 1 && found[0].seed == 77 && !rejected.contains(plan.name), "\(note)")
            case .killedInPlace:
                #expect(found.isEmpty && rejected.contains(plan.name), "\(note)")
                if rejected.contains(plan.name) { #expect(try spool.rejection(plan.name)["message"]?.string?.isEmpty == false) }
            case .killedAside: #expect(found.isEmpty && !rejected.contains(".\(plan.name).tmp"), "\(note)")
            case .appending:
                // Either of the two whole texts; half of what was appended is neither.
                #expect(found.count == 1 && (found[0].seed == 123_456_789 || found[0].seed == 42), "\(note): \(found.map(\.seed))")
            case .replacing:
                #expect((1...plan.versions).contains(found.count) && !rejected.contains(plan.name), "\(note): \(found.count)")
                #expect(found.contains { $0.metadata["a"] == "\(plan.tag)v\(plan.versions - 1)" }, "the last version is missing: \(note)")
            }
        }
        // What was left aside is given up after 36 hours and not before.
        let asides = plans.filter { $0.kind == .killedAside }.map { ".\($0.name).tmp" }
        for (index, name) in asides.enumerated() {
            let then = Date().timeIntervalSince1970 - 36 * 3600 + (index % 2 == 0 ? -60 : 120)
            var times = [timeval(tv_sec: Int(then), tv_usec: 0), timeval(tv_sec: Int(then), tv_usec: 0)]
            utimes(layout.incoming + "/" + name, &times)
        }
        let old = Set(asides.enumerated().filter { $0.offset % 2 == 0 }.map(\.element))
        #expect(try spool.run { Set(try FolderListing.names(in: layout.rejected)).isSuperset(of: old.map { Rejection.shown($0) }) })
        let young = Set(asides).subtracting(old)
        #expect(Set(try FolderListing.names(in: layout.incoming)) == young)
        for name in old { #expect(try spool.rejection(Rejection.shown(name))["code"]?.string == "unfinished") }
        Extent.report("interleavings of half-written drops", plans.count)
    }
}
