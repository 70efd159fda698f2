namespace Soak;

/// <summary>What the gateway holds at one moment.</summary>
/// <param name="At">The time since the load began; negative before it.</param>
/// <param name="Megabytes">Resident memory (<c>VmRSS</c>).</param>
/// <param name="Threads">Threads of the process.</param>
/// <param name="Files">Open file descriptors, sockets included, loaded libraries not.</param>
/// <param name="Sockets">Those of them that are sockets.</param>
/// <param name="CpuTime">User and system time since the start.</param>
/// <param name="CpuPercent">The share of one processor since the sample before.</param>
internal sealed record Sample(TimeSpan At, double Megabytes, int Threads, int Files, int Sockets, TimeSpan CpuTime, double CpuPercent);
