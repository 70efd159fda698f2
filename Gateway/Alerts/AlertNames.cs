using System.Globalization;
using Gateway.Billing;

namespace Gateway.Alerts;

/// <summary>The names of alerts in the ledger. An alert of a name is raised once.</summary>
internal static class AlertNames
{
    /// <summary>A threshold in a period. Independent of the limit, which a reload may change.</summary>
    public static string OfThreshold(in BudgetKey key, decimal threshold) =>
        $"{AlertKind.BudgetThreshold.ToWord()}|{Of(key)}|{threshold.ToString("0.####", CultureInfo.InvariantCulture)}{LabelOf(key)}";

    /// <summary>The first refusal in a period.</summary>
    public static string OfRefusal(in BudgetKey key) => $"{AlertKind.BudgetExceeded.ToWord()}|{Of(key)}{LabelOf(key)}";

    /// <summary>A key on a day.</summary>
    /// <param name="mark">The mark of the key's value.</param>
    /// <param name="day">The day, in UTC.</param>
    public static string OfKey(string mark, DateOnly day) =>
        $"{AlertKind.UpstreamKeyRejected.ToWord()}|{mark}|{day.ToString("O", CultureInfo.InvariantCulture)}";

    // Last, since a label may contain any printable character.
    private static string LabelOf(in BudgetKey key) => key.KeyLabel is { } label ? $"|{label}" : "";

    private static string Of(in BudgetKey key) => string.Create(
        CultureInfo.InvariantCulture, $"{key.Team}|{key.Period}|{DateOnly.FromDateTime(key.Start.UtcDateTime):O}");
}
