namespace Soak.Chaos.Clients;

/// <summary>Judges the outcomes of the calls of SDKs, by the books.</summary>
internal static class SdkVerdict
{
    /// <summary>The fault of a call; <see langword="null"/> if there is none.</summary>
    public static string? FaultOf(SdkReport report, Book book)
    {
        var limit = SdkCaller.LimitOf(report.Call);
        if (report.Outcome is not { } outcome || report.Took > limit)
        {
            return $"{report.Took.TotalSeconds:0.0} s, beyond {limit.TotalSeconds} s; {report.Outcome?.Describe() ?? "no end"}";
        }

        if (outcome.Text is { } text)
        {
            return book.HasSentWhole(report.Call.IdOf(outcome.Tries), text)
                ? null
                : $"took a broken response for a whole one: {outcome.Describe()}";
        }

        return !outcome.IsOwnError ? $"an error that is not the SDK's own: {outcome.Describe()}"
            : report.Call.Fault == ChaosCall.None && !report.IsExcused ? $"unexpected error: {outcome.Describe()}"
            : null;
    }
}
