from ca_deploy.cli import main

main()
