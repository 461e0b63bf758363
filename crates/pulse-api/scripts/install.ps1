# Installs, updates or removes the Pulse agent on Windows. It may be run again at any time: what is not given then
# stays as it was.
#   & ([scriptblock]::Create((irm URL/install.ps1))) -Url URL -Token TOKEN
# or, where nothing can be put behind the line, with the same in PULSE_URL and PULSE_TOKEN: irm URL/install.ps1 | iex
param(
    [string]$Url = $env:PULSE_URL,
    [string]$Token = $env:PULSE_TOKEN,
    [string]$Interval = $env:PULSE_INTERVAL,
    [switch]$Insecure,
    [switch]$Uninstall
)
$ErrorActionPreference = 'Stop'
# Windows PowerShell draws its progress so slowly that a download takes minutes.
$ProgressPreference = 'SilentlyContinue'
$Remove = $false
$Folder = Join-Path $env:ProgramData 'pulse-agent'
$Binary = Join-Path $Folder 'pulse-agent.exe'
$TokenFile = Join-Path $Folder 'token'
$Service = 'PulseAgent'

$me = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) { throw 'Run this as an administrator.' }

function Get-AgentService { Get-CimInstance -ClassName Win32_Service -Filter "Name='$Service'" }

if ($Uninstall -or $Remove) {
    if (Get-AgentService) {
        Stop-Service -Name $Service -Force
        sc.exe delete $Service | Out-Null
        if ($LASTEXITCODE -ne 0) { throw "Windows does not remove the service $Service (error $LASTEXITCODE)." }
    }
    # A program that has just ended is held for another moment.
    for ($try = 1; Test-Path $Folder; $try++) {
        try { Remove-Item -Recurse -Force $Folder } catch { if ($try -ge 10) { throw }; Start-Sleep -Seconds 1 }
    }
    Write-Host 'pulse-agent: removed'
    return
}

# What an earlier run was given stands in the line that starts the service.
$before = Get-AgentService
if ($before) {
    $line = [string]$before.PathName
    if (-not $Url -and $line -match '--url "([^"]+)"') { $Url = $Matches[1] }
    if (-not $Interval -and $line -match '--interval (\S+)') { $Interval = $Matches[1] }
    $isInsecureGiven = $null -ne $PSBoundParameters -and $PSBoundParameters.ContainsKey('Insecure')
    if (-not $isInsecureGiven -and $line -match '--insecure(\s|$)') { $Insecure = $true }
}
if (-not $Url) { throw '-Url is missing: give the address of the Pulse server.' }
if ($Url -notmatch '^https?://[^\s"]+$') { throw '-Url must begin with http:// or https://' }
if ($Interval -and $Interval -notmatch '^[0-9a-z.]+$') { throw '-Interval must be a duration such as 30s.' }
if (-not $Token -and -not (Test-Path $TokenFile)) { throw '-Token is missing: make one in the settings of the server.' }
$Url = $Url.TrimEnd('/')

$fetch = @{ UseBasicParsing = $true }
if ($PSVersionTable.PSVersion.Major -lt 6) {
    # Old Windows offers TLS 1.0 only, unless it is told to.
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
    if ($Insecure) {
        Add-Type 'public static class PulseTrust { public static void Anyone() { System.Net.ServicePointManager.ServerCertificateValidationCallback = delegate { return true; }; } }'
        [PulseTrust]::Anyone()
    }
} elseif ($Insecure) {
    $fetch.SkipCertificateCheck = $true
}

$arch = switch ($env:PROCESSOR_ARCHITECTURE) {
    'ARM64' { 'windows-arm64' }
    'x86' { 'windows-386' }
    default { 'windows-amd64' }
}
New-Item -ItemType Directory -Force $Folder | Out-Null
if (-not $before) {
    # Everybody may make folders there: one that was here before the service may be somebody else's, with rights of their own.
    if ((Get-Item -Force $Folder).LinkType) { throw "$Folder is a link to another folder; remove it first." }
    icacls.exe $Folder /setowner '*S-1-5-32-544' /T | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "$Folder cannot be taken over (error $LASTEXITCODE)." }
    icacls.exe $Folder /reset /T | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "The rights of $Folder cannot be reset (error $LASTEXITCODE)." }
}
# Administrators and the system only: the token lies here.
icacls.exe $Folder /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' | Out-Null
if ($LASTEXITCODE -ne 0) { throw "The rights of $Folder cannot be set (error $LASTEXITCODE)." }
$fresh = "$Binary.new"
Write-Host "pulse-agent: fetching the agent for $arch from $Url"
$answer = Invoke-WebRequest @fetch -Uri "$Url/download/pulse-agent?arch=$arch" -OutFile $fresh -PassThru
$wanted = ([string]$answer.Headers['X-Checksum-Sha256']).ToLowerInvariant()
$found = (Get-FileHash -Algorithm SHA256 -Path $fresh).Hash.ToLowerInvariant()
if (-not $wanted -or $wanted -ne $found) {
    Remove-Item -Force $fresh
    throw "The checksum does not match (wanted $wanted, found $found); nothing was changed."
}
Write-Host "pulse-agent: checksum verified: $found"

if ($before) { Stop-Service -Name $Service -Force }
# A program that is still held can be given another name, but not be overwritten.
if (Test-Path $Binary) { Move-Item -Force $Binary "$Binary.old" }
Move-Item -Force $fresh $Binary
Remove-Item -Force "$Binary.old" -ErrorAction SilentlyContinue
# What the agent noted about its own last update is not about this program.
foreach ($note in '.pulse-update-info', '.pulse-agent.exe.backup', '.pulse-agent.exe.new') {
    Remove-Item -Force (Join-Path $Folder $note) -ErrorAction SilentlyContinue
}
if ($Token) { Set-Content -NoNewline -Encoding Ascii -Path $TokenFile -Value $Token }
$line = "`"$Binary`" --url `"$Url`" --token-file `"$TokenFile`""
if ($Interval) { $line += " --interval $Interval" }
if ($Insecure) { $line += ' --insecure' }
if ($before) {
    $changed = Invoke-CimMethod -InputObject $before -MethodName Change -Arguments @{ PathName = $line }
    if ($changed.ReturnValue -ne 0) { throw "Windows does not change the service $Service (error $($changed.ReturnValue))." }
} else {
    New-Service -Name $Service -BinaryPathName $line -DisplayName 'Pulse agent' -Description 'Reports this machine to a Pulse server' -StartupType Automatic | Out-Null
}
# Started again whenever it ends with a failure, as it does when it has replaced itself by a newer version.
sc.exe failure $Service reset= 86400 actions= restart/5000/restart/5000/restart/60000 | Out-Null
sc.exe failureflag $Service 1 | Out-Null
Start-Service -Name $Service
Write-Host "pulse-agent: installed in $Folder, runs as the service $Service, logs to $Folder\pulse-agent.log, reports to $Url"
