namespace Gateway.Tests.Documents.Deployment;

/// <summary>A unit file of systemd.</summary>
internal sealed class UnitFile
{
    private readonly List<KeyValuePair<string, string>> _settings;

    private UnitFile(List<KeyValuePair<string, string>> settings) => _settings = settings;

    public static UnitFile Parse(string text) => new(
        [.. text.Split('\n')
            .Where(static line => line.Length > 0 && line[0] is not '#' and not '[')
            .Select(static line => line.Split('=', 2))
            .Select(static parts => KeyValuePair.Create(parts[0], parts[1]))]);

    /// <summary>The value of a setting that the file has once.</summary>
    public string Value(string name) => Values(name).Single();

    /// <summary>The values of a setting in order.</summary>
    public IEnumerable<string> Values(string name) => _settings.Where(setting => setting.Key == name).Select(setting => setting.Value);
}
