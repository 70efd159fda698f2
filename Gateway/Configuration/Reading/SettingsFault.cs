namespace Gateway.Configuration.Reading;

/// <summary>What is wrong, or odd, with a setting. Printed as <c>path: message</c>.</summary>
/// <param name="Path">
/// The setting from its section on, such as <c>ProviderMapping:Rules:0:Model</c>; for a flag its name and value, for a file that cannot be
/// read as a whole the file.
/// </param>
/// <param name="Message">What was given and what was expected, without a full stop; never the value of a secret.</param>
internal sealed record SettingsFault(string Path, string Message)
{
    /// <summary>The line that is printed and logged.</summary>
    public override string ToString() => $"{Path}: {Message}";
}
