import Foundation
import Hummingbird
import JSON
import NIOCore
import Storage

extension Front {
    /// Figures in the text form of Prometheus.
    func prometheus(_ call: Call) async throws -> Response {
        var text = MetricsText()
        let all = await deployments.all
        func each(_ name: String, _ kind: String, _ help: String, _ value: (Deployments.Served) -> Int?) {
            text.add(name, kind, help, all.compactMap { one in value(one).map { ([("deployment", one.name)], Double($0)) } })
        }
        each("tala_deployment_requests_total", "counter", "Requests that a deployment has answered.") { $0.requests }
        each("tala_deployment_tokens_total", "counter", "Tokens that a deployment has written.") { $0.tokens }
        each("tala_deployment_ready", "gauge", "Whether a deployment answers.") { $0.state == "ready" ? 1 : 0 }
        each("tala_deployment_waiting", "gauge", "Answers that wait in the engine of a deployment.") { $0.load?["waiting"]?.integer }
        each("tala_deployment_running", "gauge", "Answers that are being written by the engine of a deployment.") {
            $0.load?["running"]?.integer
        }
        each("tala_deployment_cache_pages", "gauge", "Pages of the cache of the engine of a deployment.") { $0.load?["pages"]?.integer }
        each("tala_deployment_cache_pages_used", "gauge", "Pages of that cache that requests hold.") { $0.load?["pages_used"]?.integer }
        each("tala_deployment_answers_yielded_total", "counter", "Times that an answer made room in that cache for an older one.") {
            $0.load?["yielded"]?.integer
        }
        text.add(
            "tala_deployment_state", "gauge", "The state of a deployment.",
            all.map { ([("deployment", $0.name), ("state", $0.state)], 1) })
        text.add(
            "tala_filtered_total", "counter", "Prompts and answers in which the content filter has found something.",
            FilterCount.shared.all.map { ([("deployment", $0.deployment), ("side", $0.side)], Double($0.count)) })
        let requests = counts.all
        func labels(_ key: RequestCounts.Key) -> [(String, String)] {
            [("method", key.method), ("route", key.route), ("status", "\(key.status)")]
        }
        text.add(
            "tala_http_requests_total", "counter", "Requests by route and status.", requests.map { (labels($0.key), Double($0.sum.count)) })
        text.add(
            "tala_http_request_seconds_total", "counter", "Seconds until answers began, by route and status.",
            requests.map { (labels($0.key), $0.sum.seconds) })
        text.add(
            "tala_refused_keys_total", "counter", "Requests with a key that is not known or has expired.",
            [([], Double(counts.refusedKeys))])
        var states: [String: Int] = [:]
        for id in spool.jobs {
            if let state = spool.json(spool.path("jobs", id, "status.json"))?["status"]?.string { states[state, default: 0] += 1 }
        }
        text.add("tala_jobs", "gauge", "Jobs by state.", states.sorted { $0.key < $1.key }.map { ([("state", $0.key)], Double($0.value)) })
        text.add("process_start_time_seconds", "gauge", "When the server was started.", [([], started.timeIntervalSince1970)])
        if let pages = (try? DurableFiles.read("/proc/self/statm", limit: 4096)).flatMap({
            String(decoding: $0, as: UTF8.self).split(separator: " ").dropFirst().first.flatMap { Double($0) }
        }) {
            text.add("process_resident_memory_bytes", "gauge", "Memory of the server itself.", [([], pages * Double(getpagesize()))])
        }
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: .init(string: text.text)))
    }
}

/// Figures by name, each with its help and kind once.
private struct MetricsText {
    private(set) var text = ""

    mutating func add(_ name: String, _ kind: String, _ help: String, _ samples: [(labels: [(String, String)], value: Double)]) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
        for (labels, value) in samples {
            let inner = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
            let number = value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
            text += name + (inner.isEmpty ? "" : "{\(inner)}") + " \(number)\n"
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"").replacingOccurrences(
            of: "\n", with: "\\n")
    }
}
