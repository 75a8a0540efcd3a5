import Datasets
package import JSON

/// Something about a job that is allowed and probably not meant.
package struct JobWarning: Sendable, Hashable {
    /// A stable word for programs.
    package let code: String
    /// What it is and what follows from it.
    package let message: String
    /// The manifest's key that would mend it.
    package let param: String?

    package init(code: String, message: String, param: String?) {
        self.code = code
        self.message = message
        self.param = param
    }

    package var json: JSONNode {
        ["code": JSONNode(code), "message": JSONNode(message), "param": param.map { JSONNode($0) } ?? .null]
    }
}

extension JobWarning {
    /// The warnings about a data file, one of each kind.
    static func all(of report: ValidationReport) -> [JobWarning] {
        report.warnings.counts.sorted { $0.key < $1.key }.map { kind, count in
            let first = report.warnings.first.first { $0.kind == kind }?.description ?? report.file
            return JobWarning(code: kind, message: first + (count > 1 ? " (and \(count - 1) more)" : ""), param: nil)
        }
    }
}

extension JobWarning {
    /// The processor stands in for a graphics processor.
    /// - Parameter reason: what keeps that from being used.
    package static func deviceReplaced(_ reason: String) -> JobWarning {
        JobWarning(
            code: "device_replaced",
            message: "the job computes on the processor: \(reason); tala doctor says more, and device: vulkan fails instead",
            param: "device")
    }
}

extension JobWarning: CustomStringConvertible {
    package var description: String { "\(param.map { "\($0): " } ?? "")\(message)" }
}
