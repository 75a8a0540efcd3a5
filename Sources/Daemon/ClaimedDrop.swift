import Spool

/// A drop that is being judged.
struct ClaimedDrop {
    let claim: Claim
    let user: Submitter
    let judges: Acceptance.Judges
    /// Seconds since 1970.
    let createdAt: Int
    /// Where what was dropped with the manifest will lie.
    let bundle: String

    /// Where a file will be once the drop is accepted: what lies in the bundle moves with it,
    /// unless the bundle has to stay.
    func final(_ source: JobAcceptance.Source) -> JobAcceptance.Source {
        guard source.isInBundle, claim.isMovable else { return source }
        return JobAcceptance.Source(path: bundle + source.path.dropFirst(source.root.count), root: bundle, isInBundle: true)
    }
}
