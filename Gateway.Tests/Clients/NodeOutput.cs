namespace Gateway.Tests.Clients;

/// <summary>What a program that has ended printed and returned.</summary>
internal sealed record NodeOutput(int ExitCode, string Out, string Error);
