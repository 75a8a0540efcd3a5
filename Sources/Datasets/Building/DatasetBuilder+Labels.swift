extension DatasetBuilder {
    /// The classes of a labelled file, which is read once for them alone.
    /// - Returns: nil where no record has a label that can be read.
    func labels(_ labels: LabelOptions, isArray: Bool, _ report: inout ValidationReport) throws(DatasetProblem) -> LabelTable? {
        let text = InputText(try DataFile(path: path, name: name))
        let scan = LabelScan(isArray ? ArraySource(text) : LineSource(text), isMultiLabel: labels.isMultiLabel)
        guard let table = try scan.table(labels, file: name) else { return nil }
        report.labelsAreNumbers = table.areNumbers
        report.labels = table.names.enumerated().map { index, name in
            // A number stands for a class by its place where classes have names.
            let found = scan.found[name] ?? (table.areNumbers ? scan.found[String(index)] : nil)
            return LabelCount(name: name, count: found?.count ?? 0, firstLine: found?.firstLine ?? 0)
        }
        return table
    }
}
