namespace Gateway.Reports;

/// <summary>A change since the previous version that a setting decides.</summary>
/// <param name="Change">The change, as <c>check</c> prints it.</param>
/// <param name="Concerns">Whether it concerns settings: they use the feature, and do not state the setting.</param>
internal sealed record UpgradeNote(CheckedUpgrade Change, Func<StatedSettings, bool> Concerns);
