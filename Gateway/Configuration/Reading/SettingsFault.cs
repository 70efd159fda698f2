namespace Gateway.Configuration.Reading;

/// <summary>A fault of a setting, or a warning about one. Printed as <c>path: message</c>.</summary>
/// <param name="Path">
/// The full path of the setting, such as <c>ProviderMapping:Rules:0:Model</c>. For a flag, its name and value; for an unreadable file, its
/// name.
/// </param>
/// <param name="Message">The given and the expected value, without a full stop; never a secret.</param>
internal sealed record SettingsFault(string Path, string Message)
{
    /// <summary>The line that is printed and logged.</summary>
    public override string ToString() => $"{Path}: {Message}";
}
