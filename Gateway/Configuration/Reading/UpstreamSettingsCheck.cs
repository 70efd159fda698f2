using Gateway.Configuration.Model;

namespace Gateway.Configuration.Reading;

/// <summary>Checks the values of section <c>Upstream</c>.</summary>
internal static class UpstreamSettingsCheck
{
    private const int MostAttempts = 10;
    private const int LargestBody = 100 * 1024 * 1024;
    private static readonly TimeSpan ShortestTimeout = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan ShortestLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestLimit = TimeSpan.FromDays(1);

    /// <summary>Checks the section.</summary>
    public static UpstreamSettings Check(UpstreamSettings given, SettingsFaultCollector faults)
    {
        faults.Range("MaxAttempts", given.MaxAttempts, 1, MostAttempts);
        faults.Range("MaxRetriedBodySize", given.MaxRetriedBodySize, 0, LargestBody);
        faults.Range("ConnectTimeout", given.ConnectTimeout, ShortestTimeout, LongestTimeout);
        Range("FirstEventTimeout", given.FirstEventTimeout);
        Range("EventTimeout", given.EventTimeout);
        Range("TotalTimeout", given.TotalTimeout);
        return given;

        void Range(string name, TimeSpan? value)
        {
            if (value is { } limit)
            {
                faults.Range(name, limit, ShortestLimit, LongestLimit);
            }
        }
    }
}
