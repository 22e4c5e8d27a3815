{
  description = "Rescue image of ekexec, built from NixOS";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable-small";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forAll = f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) systems);

      # An image from these modules on top of ekexec's own. `ekexec image build --provider nix` calls this.
      image =
        {
          system,
          modules ? [ ],
        }:
        (nixpkgs.lib.nixosSystem {
          inherit system;
          modules = [
            ./configuration.nix
            ./identity.nix
            ./kexec.nix
          ]
          ++ modules;
        }).config.system.build.ekexecImage;
    in
    {
      lib = { inherit image; };

      nixosModules.default = {
        imports = [
          ./identity.nix
          ./kexec.nix
        ];
      };
      nixosModules.configuration = ./configuration.nix;

      packages = forAll (system: rec {
        rescue = image { inherit system; };
        default = rescue;
      });
    };
}
