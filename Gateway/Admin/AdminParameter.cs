namespace Gateway.Admin;

/// <summary>A parameter of an endpoint.</summary>
/// <param name="Name">The name.</param>
/// <param name="Description">One sentence.</param>
/// <param name="Schema">The JSON schema of the value.</param>
internal sealed record AdminParameter(string Name, string Description, string Schema = """{"type":"string"}""")
{
    /// <summary>Whether it is a part of the path.</summary>
    public bool IsInPath { get; init; }

    /// <summary>Whether it may be given several times.</summary>
    public bool IsRepeatable { get; init; }
}
