import os
import sys

print "old script", os.environ["IMPORT_FILE"], sys.argv
