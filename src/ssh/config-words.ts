/**
 * The words of ssh_config(5) up to OpenSSH 10, with those of Debian's GSSAPI and macOS's keychain, in lower case; old
 * names aside.
 */
export const configWords: ReadonlySet<string> = new Set(
	`
		addkeystoagent addressfamily batchmode bindaddress bindinterface canonicaldomains
		canonicalizefallbacklocal canonicalizehostname canonicalizemaxdots canonicalizepermittedcnames
		casignaturealgorithms certificatefile channeltimeout checkhostip ciphers clearallforwardings
		compression connectionattempts connecttimeout controlmaster controlpath controlpersist
		dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure
		fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout
		forwardx11trusted gatewayports globalknownhostsfile gssapiauthentication gssapiclientidentity
		gssapidelegatecredentials gssapikexalgorithms gssapikeyexchange gssapirenewalforcesrekey
		gssapiserveridentity gssapitrustdns hashknownhosts hostbasedacceptedalgorithms
		hostbasedauthentication hostkeyalgorithms hostkeyalias hostname identitiesonly identityagent
		identityfile ignoreunknown ipqos kbdinteractiveauthentication kbdinteractivedevices
		kexalgorithms knownhostscommand localcommand localforward loglevel logverbose macs
		nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming
		passwordauthentication permitlocalcommand permitremoteopen pkcs11provider port
		preferredauthentications proxycommand proxyjump proxyusefdpass pubkeyacceptedalgorithms
		pubkeyauthentication refuseconnection rekeylimit remotecommand remoteforward requesttty
		requiredrsasize revokedhostkeys securitykeyprovider sendenv serveralivecountmax
		serveraliveinterval sessiontype setenv stdinnull streamlocalbindmask streamlocalbindunlink
		stricthostkeychecking syslogfacility tag tcpkeepalive tunnel tunneldevice updatehostkeys
		usekeychain user userknownhostsfile verifyhostkeydns versionaddendum visualhostkey
		warnweakcrypto xauthlocation
	`
		.trim()
		.split(/\s+/),
);
